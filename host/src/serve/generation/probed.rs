//! The handlers that were probed, so that each is probed only once.

use std::collections::HashSet;
use std::path::PathBuf;

use super::refusal::Stage;
use super::resolve_context::ResolveContext;
use super::select::{FoundLibraries, ResolveError, SelectedHandler};
use crate::load::library::Fingerprint;
use crate::load::manifest::{Diagnostic, Manifest};
use crate::load::probe::{Probe, ProbeContext, ProbeCrash, ProbeFailure, Trial};
use crate::load::schema::{EntryPart, Violation};

/// A handler that survived the probe: library, export, config, and the folder of relative paths.
type Survivor = (Fingerprint, String, String, PathBuf);

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
        handlers: &[SelectedHandler<'_>],
        files: &FoundLibraries,
        manifest: &Manifest,
        context: &ResolveContext,
    ) -> Result<(), ResolveError> {
        let mut all = HashSet::new();
        let (mut new, mut trials) = (Vec::new(), Vec::new());
        for handler in handlers {
            let Some(found) = files.get(&handler.file) else {
                continue;
            };
            let config = serde_json::Value::Object(handler.directive.config.clone()).to_string();
            let survivor = (
                found.fingerprint(),
                handler.export.clone(),
                config,
                context.directory.clone(),
            );
            // Handlers of a snapshot were probed before they served.
            let kept = context.kept(handler.directive);
            let served = kept.is_some_and(|kept| kept.fingerprint == found.fingerprint());
            if !served && !self.survivors.contains(&survivor) && !all.contains(&survivor) {
                new.push(handler);
                trials.push(Trial {
                    library: found.copy().to_path_buf(),
                    export: handler.export.clone(),
                    name: handler.name.clone(),
                    config: handler.directive.config.clone(),
                });
            }
            all.insert(survivor);
        }
        let probe_context = ProbeContext {
            environment: context.environment.clone(),
            directory: context.directory.clone(),
            limit: manifest.limits.warmup_timeout,
        };
        let failures = match trials.is_empty() {
            true => Vec::new(),
            false => self.probe.run(&trials, &probe_context).map_err(|reason| {
                let span = handlers
                    .first()
                    .map(|handler| handler.directive.name_span());
                ResolveError {
                    stage: Stage::Probe,
                    diagnostics: vec![Diagnostic::error(span.unwrap_or_default(), reason)],
                }
            })?,
        };
        let mut stage = Stage::Config;
        let diagnostics = new.iter().zip(failures).filter_map(|(handler, failure)| {
            Some(match failure? {
                ProbeFailure::Crashed(crash) => {
                    stage = Stage::Probe;
                    vec![crashed(handler, &crash)]
                }
                ProbeFailure::InvalidConfig(violations) => violations
                    .iter()
                    .map(|violation| invalid_config(handler, violation))
                    .collect(),
            })
        });
        let mut diagnostics: Vec<Diagnostic> = diagnostics.flatten().collect();
        if !diagnostics.is_empty() {
            diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
            return Err(ResolveError { stage, diagnostics });
        }
        self.survivors = all;
        Ok(())
    }
}

fn crashed(handler: &SelectedHandler<'_>, crash: &ProbeCrash) -> Diagnostic {
    let message = format!("`{}` is refused at probe: {crash}", handler.name);
    let mut diagnostic = Diagnostic::error(handler.directive.name_span(), message)
        .label("it would have taken the server with it")
        .help("it crashed in a separate probe process, with this config: fix the plugin");
    if !crash.stderr_tail.is_empty() {
        diagnostic = diagnostic.note(format!("its last output: {}", crash.stderr_tail));
    }
    diagnostic
}

fn invalid_config(handler: &SelectedHandler<'_>, violation: &Violation) -> Diagnostic {
    let span = match violation.part {
        EntryPart::Key => handler.directive.config_key_span(&violation.path),
        EntryPart::Value => handler.directive.config_span(&violation.path),
    };
    let (name, message) = (&handler.name, &violation.message);
    let message = format!("the config of `{name}` does not fit: {message}");
    let mut diagnostic = Diagnostic::error(span, message).label(violation.label.as_str());
    diagnostic.note.clone_from(&violation.note);
    diagnostic
}
