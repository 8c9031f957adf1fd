//! The handlers that were probed, so that each is probed only once.

use std::collections::HashSet;

use super::refusal::Stage;
use super::resolve_context::ResolveContext;
use super::select::{FoundLibraries, ResolveError, SelectedHandler};
use crate::load::library::Fingerprint;
use crate::load::manifest::{Diagnostic, Manifest};
use crate::load::probe::{Probe, ProbeContext, ProbeCrash, ProbeFailure, Trial};
use crate::load::schema::{EntryPart, Violation};

/// A handler that survived the probe: library, export and config.
type Survivor = (Fingerprint, String, String);

/// Probes handlers before the host loads them.
#[derive(Debug)]
pub struct ProbedHandlers {
    probe: Box<dyn Probe>,
    /// The handlers of the last candidate of which all survived.
    survivors: HashSet<Survivor>,
}

impl ProbedHandlers {
    /// Probes with `probe`.
    pub fn new(probe: Box<dyn Probe>) -> Self {
        Self {
            probe,
            survivors: HashSet::new(),
        }
    }

    /// Probes the handlers of a candidate that were not in the one before.
    ///
    /// # Errors
    ///
    /// A diagnostic for each handler that crashed the probe, and for each config that does not fit its schema.
    pub(super) fn probe(
        &mut self,
        picks: &[SelectedHandler<'_>],
        files: &FoundLibraries,
        manifest: &Manifest,
        context: &ResolveContext,
    ) -> Result<(), ResolveError> {
        let mut all = HashSet::new();
        let (mut new, mut trials) = (Vec::new(), Vec::new());
        for pick in picks {
            let Some(found) = files.get(&pick.file) else {
                continue;
            };
            let config = serde_json::Value::Object(pick.directive.config.clone()).to_string();
            let survivor = (found.fingerprint(), pick.export.clone(), config);
            // Handlers of a snapshot were probed before they served.
            let kept = context.kept(pick.directive);
            let served = kept.is_some_and(|kept| kept.fingerprint == found.fingerprint());
            if !served && !self.survivors.contains(&survivor) && !all.contains(&survivor) {
                new.push(pick);
                trials.push(Trial {
                    library: found.copy().to_path_buf(),
                    export: pick.export.clone(),
                    name: pick.name.clone(),
                    config: pick.directive.config.clone(),
                });
            }
            all.insert(survivor);
        }
        let setting = ProbeContext {
            environment: context.environment.clone(),
            directory: context.directory.clone(),
            limit: manifest.limits.warmup_timeout,
        };
        let faults = match trials.is_empty() {
            true => Vec::new(),
            false => self.probe.run(&trials, &setting).map_err(|reason| {
                let span = picks.first().map(|pick| pick.directive.name_span());
                ResolveError {
                    stage: Stage::Probe,
                    diagnostics: vec![Diagnostic::error(span.unwrap_or_default(), reason)],
                }
            })?,
        };
        let mut stage = Stage::Config;
        let told = new.iter().zip(faults).filter_map(|(pick, fault)| {
            Some(match fault? {
                ProbeFailure::Crashed(death) => {
                    stage = Stage::Probe;
                    vec![tell(pick, &death)]
                }
                ProbeFailure::InvalidConfig(violations) => violations
                    .iter()
                    .map(|violation| misfit(pick, violation))
                    .collect(),
            })
        });
        let mut told: Vec<Diagnostic> = told.flatten().collect();
        if !told.is_empty() {
            told.sort_by_key(|diagnostic| diagnostic.span.start);
            return Err(ResolveError {
                stage,
                diagnostics: told,
            });
        }
        self.survivors = all;
        Ok(())
    }
}

fn tell(pick: &SelectedHandler<'_>, death: &ProbeCrash) -> Diagnostic {
    let message = format!("`{}` is refused at probe: {death}", pick.name);
    let mut diagnostic = Diagnostic::error(pick.directive.name_span(), message)
        .label("it would have taken the server with it")
        .help("it crashed in a separate probe process, with this config: fix the plugin");
    if !death.stderr_tail.is_empty() {
        diagnostic = diagnostic.note(format!("its last output: {}", death.stderr_tail));
    }
    diagnostic
}

fn misfit(pick: &SelectedHandler<'_>, violation: &Violation) -> Diagnostic {
    let span = match violation.part {
        EntryPart::Key => pick.directive.config_key_span(&violation.path),
        EntryPart::Value => pick.directive.config_span(&violation.path),
    };
    let (name, message) = (&pick.name, &violation.message);
    let message = format!("the config of `{name}` does not fit: {message}");
    let mut diagnostic = Diagnostic::error(span, message).label(violation.label.as_str());
    diagnostic.note.clone_from(&violation.note);
    diagnostic
}
