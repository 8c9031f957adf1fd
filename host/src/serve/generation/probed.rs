//! The handlers that were probed, so that each is probed only once.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use super::refusal::Stage;
use super::resolve_context::ResolveContext;
use super::select::{FoundLibraries, ResolveError, SelectedHandler};
use crate::load::library::{Fingerprint, ProcessChange, help_in};
use crate::load::manifest::{Diagnostic, Manifest, OnProcessChange};
use crate::load::probe::{Probe, ProbeContext, ProbeCrash, ProbeError, ProbeFailure, Trial};
use crate::load::schema::{EntryPart, Violation};

/// A handler that survived the probe: library, export, config, and the folder of relative paths.
type Survivor = (Fingerprint, String, String, PathBuf);

/// Probes handlers before the host loads them.
#[derive(Debug)]
pub struct ProbedHandlers {
    probe: Box<dyn Probe>,
    /// The handlers of the last candidate of which all survived, with what each changes for the whole process.
    survivors: HashMap<Survivor, Vec<ProcessChange>>,
    /// The libraries to preload that did no harm.
    preloaded: BTreeSet<String>,
}

impl ProbedHandlers {
    /// Probes with `probe`.
    pub fn new(probe: Box<dyn Probe>) -> Self {
        Self {
            probe,
            survivors: HashMap::new(),
            preloaded: BTreeSet::new(),
        }
    }

    /// The libraries to preload could not be loaded: what they do is not known yet.
    pub(super) fn forget_preloads(&mut self) {
        self.preloaded.clear();
    }

    /// Probes the handlers of a candidate that were not in the one before. Returns a warning for each that changes the
    /// whole process.
    ///
    /// # Errors
    ///
    /// A diagnostic for each handler that crashed the probe, for each config that does not fit its schema, and, if the
    /// manifest asks for it, for each handler that changes the whole process.
    pub(super) fn probe(
        &mut self,
        handlers: &[SelectedHandler<'_>],
        files: &mut FoundLibraries,
        manifest: &Manifest,
        context: &ResolveContext,
    ) -> Result<Vec<Diagnostic>, ResolveError> {
        let mut all: HashMap<Survivor, Vec<ProcessChange>> = HashMap::new();
        let strict = manifest.plugins.process_state == OnProcessChange::Strict;
        let (mut new, mut trials, mut changing) = (Vec::new(), Vec::new(), Vec::new());
        for handler in handlers {
            let Some(found) = files.get(&handler.file) else {
                continue;
            };
            let config = handler.directive.config.to_json();
            let survivor = (
                found.fingerprint(),
                handler.export.clone(),
                config,
                context.directory.clone(),
            );
            // Handlers of a snapshot were probed before they served.
            let kept = context.kept(handler.directive);
            let served = kept.is_some_and(|kept| kept.fingerprint == found.fingerprint());
            if all.contains_key(&survivor) {
                continue;
            }
            let known = self.survivors.get(&survivor);
            if !served && known.is_none() {
                new.push((handler, survivor.clone()));
                trials.push(Trial {
                    library: found.copy().to_path_buf(),
                    export: handler.export.clone(),
                    name: handler.name.clone(),
                    config: handler.directive.config.clone(),
                });
            }
            let changes = known.cloned().unwrap_or_default();
            if strict && !changes.is_empty() {
                changing.push(changed(handler, &changes, strict));
            }
            all.insert(survivor, changes);
        }
        let probe_context = ProbeContext {
            environment: context.environment.clone(),
            directory: context.directory.clone(),
            limit: manifest.limits.warmup_timeout,
            preload: manifest
                .plugins
                .preload
                .iter()
                .map(|it| it.name.clone())
                .collect(),
        };
        let names = probe_context.preload.iter().cloned();
        let preload: BTreeSet<String> = names.collect();
        // A snapshot's were loaded before it served.
        let preloads_known = !context.kept.is_empty() || preload.is_subset(&self.preloaded);
        let outcomes = match trials.is_empty() && preloads_known {
            true => Vec::new(),
            false => self.probe.run(&trials, &probe_context).map_err(|error| {
                let diagnostics = vec![unprobed(&error, handlers, manifest)];
                let stage = Stage::Probe;
                ResolveError { stage, diagnostics }
            })?,
        };
        self.preloaded = preload;
        let mut stage = Stage::Config;
        let mut diagnostics: Vec<Diagnostic> = Vec::new();
        for ((handler, survivor), outcome) in new.into_iter().zip(outcomes) {
            if let Some(library) = files.get_mut(&handler.file) {
                library.own_bytes += outcome.memory;
            }
            let changes = outcome.changes;
            let (set_back, stays): (Vec<_>, Vec<_>) =
                changes.iter().cloned().partition(|change| change.set_back);
            if strict && !changes.is_empty() {
                changing.push(changed(handler, &changes, strict));
            } else if !stays.is_empty() {
                changing.push(changed(handler, &stays, strict));
            }
            if !strict && context.tells_all_changes && !set_back.is_empty() {
                changing.push(set_back_again(handler, &set_back));
            }
            all.insert(survivor, changes);
            diagnostics.extend(match outcome.failure {
                None => Vec::new(),
                Some(ProbeFailure::Crashed(crash)) => {
                    stage = Stage::Probe;
                    vec![crashed(handler, &crash)]
                }
                Some(ProbeFailure::InvalidConfig(violations)) => violations
                    .iter()
                    .map(|violation| invalid_config(handler, violation))
                    .collect(),
            });
        }
        if strict && !changing.is_empty() {
            stage = Stage::Probe;
            diagnostics.append(&mut changing);
        }
        if !diagnostics.is_empty() {
            diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
            return Err(ResolveError { stage, diagnostics });
        }
        self.survivors = all;
        Ok(changing)
    }
}

/// No trial could run: at the library to preload that is why, or at the first handler.
fn unprobed(
    error: &ProbeError,
    handlers: &[SelectedHandler<'_>],
    manifest: &Manifest,
) -> Diagnostic {
    let (name, crash) = match error {
        ProbeError::Unusable(reason) => {
            let first = handlers.first();
            let span = first.map(|handler| handler.directive.name_span());
            return Diagnostic::error(span.unwrap_or_default(), reason.as_str());
        }
        ProbeError::Preload { name, crash } => (name, crash),
    };
    let entry = manifest.plugins.preload.iter().find(|it| it.name == *name);
    let span = entry.map(|entry| entry.span.clone()).unwrap_or_default();
    let message = format!("`{name}` can't be loaded before the plugins: {crash}");
    let help = help_in(&crash.stderr_tail)
        .unwrap_or_else(|| "it crashed in a separate probe process: remove it".to_owned());
    with_last_output(Diagnostic::error(span, message).help(help), crash)
}

/// A handler that changes the whole process: refused if the manifest is `strict`.
fn changed(handler: &SelectedHandler<'_>, changes: &[ProcessChange], strict: bool) -> Diagnostic {
    let span = handler.directive.name_span();
    let message = format!(
        "`{}` changes the whole process: {}",
        handler.name,
        listed(changes)
    );
    match strict {
        true => Diagnostic::error(span, message)
            .label("`[plugins] process_state` is \"strict\"")
            .help("have the plugin leave this alone, or set `process_state = \"report\"`"),
        false => Diagnostic::warning(span, message)
            .label("every other plugin gets it, too")
            .help("have the plugin leave this alone; `[plugins] process_state = \"strict\"` refuses it"),
    }
}

/// A warning of what other plugins do not get, since it is set back where the handler serves.
fn set_back_again(handler: &SelectedHandler<'_>, changes: &[ProcessChange]) -> Diagnostic {
    let message = format!("`{}` changes {}", handler.name, listed(changes));
    Diagnostic::warning(handler.directive.name_span(), message)
        .label("stackup sets it back where it serves")
        .help("do not rely on it: see docs/one-process.md, \"Signals\" and \"Floating point\"")
}

fn listed(changes: &[ProcessChange]) -> String {
    let what: Vec<_> = changes.iter().map(|change| change.what.as_str()).collect();
    what.join("; ")
}

fn crashed(handler: &SelectedHandler<'_>, crash: &ProbeCrash) -> Diagnostic {
    let message = format!("`{}` is refused at probe: {crash}", handler.name);
    let help = help_in(&crash.stderr_tail);
    let diagnostic = Diagnostic::error(handler.directive.name_span(), message)
        .label("it would have taken the server with it")
        .help(help.unwrap_or_else(|| {
            "it crashed in a separate probe process, with this config: fix the plugin".to_owned()
        }));
    with_last_output(diagnostic, crash)
}

fn with_last_output(diagnostic: Diagnostic, crash: &ProbeCrash) -> Diagnostic {
    match &*crash.stderr_tail {
        "" => diagnostic,
        tail => diagnostic.note(format!("its last output: {tail}")),
    }
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
    diagnostic.secret = violation.secret;
    diagnostic
}
