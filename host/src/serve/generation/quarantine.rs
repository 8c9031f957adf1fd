//! The stack without the quarantined libraries that have no substitute.

use std::sync::{Arc, PoisonError};

use super::find::find;
use super::loader::Loader;
use super::refusal::{Refusal, task_failed};
use super::resolve_context::ResolveContext;
use crate::load::library::{Fingerprint, LibraryCache, Requirements, SettleTimeouts, Trust};
use crate::load::manifest::{CascadeBranch, Diagnostic, Directive, Level, Manifest, OnFailure};
use crate::load::snapshot::Substitute;

impl Loader {
    /// The manifest without quarantined directives, and a warning for each of them.
    pub(super) async fn without_quarantined(
        &self,
        manifest: Manifest,
    ) -> Result<(Manifest, Vec<Diagnostic>), Refusal> {
        if self.context.instead.is_empty() {
            return Ok((manifest, Vec::new()));
        }
        let (shelf, context) = (Arc::clone(&self.shelf), self.context.clone());
        let shut = tokio::task::spawn_blocking(move || {
            let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
            let mut warnings = Vec::new();
            let mut quarantined = |directive: &Directive| {
                let fingerprint = fingerprint(directive, &manifest, &context, &mut shelf.0)?;
                let quarantined = context.quarantined(fingerprint)?;
                quarantined.before.is_none().then(|| quarantined.clone())
            };
            let stack = without(&manifest.stack, &mut quarantined, &mut warnings);
            (Manifest { stack, ..manifest }, warnings)
        });
        shut.await.map_err(|error| task_failed(&error))
    }
}

/// The fingerprint of a directive's library; none if another stage reports why there is none.
fn fingerprint(
    directive: &Directive,
    manifest: &Manifest,
    context: &ResolveContext,
    shelf: &mut LibraryCache,
) -> Option<Fingerprint> {
    if let Some(kept) = context.kept(directive) {
        return Some(kept.fingerprint);
    }
    let file = find(directive, manifest, context).ok()?;
    let demands = Requirements {
        pin: None,
        locked: None,
        trust: Trust::Any,
        abi: stackup_plugin::abi::VERSION,
        settle: SettleTimeouts::default(),
    };
    let found = shelf.prepare(&file, &demands).ok()?;
    let fingerprint = found.fingerprint();
    LibraryCache::discard(found);
    Some(fingerprint)
}

/// A level without its quarantined directives, as their `on_failure` says.
fn without(
    level: &Level,
    quarantined: &mut impl FnMut(&Directive) -> Option<Substitute>,
    warnings: &mut Vec<Diagnostic>,
) -> Level {
    let mut left = Level::default();
    for directive in &level.uses {
        match quarantined(directive) {
            None => left.uses.push(directive.clone()),
            Some(quarantined) if directive.on_failure == OnFailure::Bypass => {
                warnings.push(warning(
                    directive,
                    &quarantined,
                    "it is left out (`on_failure = \"bypass\"`)",
                ));
            }
            Some(quarantined) => {
                warnings.push(warning(
                    directive,
                    &quarantined,
                    "everything below it answers with 503",
                ));
                left.closed = Some(reason(directive, &quarantined));
                return left;
            }
        }
    }
    for map in &level.maps {
        let mut map = map.clone();
        map.level = without(&map.level, quarantined, warnings);
        left.maps.push(map);
    }
    left.cascade = level.cascade.as_ref().map(|all| {
        let one = |branch: &CascadeBranch| CascadeBranch {
            level: without(&branch.level, quarantined, warnings),
            ..branch.clone()
        };
        all.iter().map(one).collect()
    });
    let Some(run) = &level.run else { return left };
    match quarantined(run) {
        None => left.run = Some(run.clone()),
        Some(quarantined) => {
            warnings.push(warning(run, &quarantined, "its paths answer with 503"));
            left.closed = Some(reason(run, &quarantined));
        }
    }
    left
}

fn reason(directive: &Directive, quarantined: &Substitute) -> String {
    format!(
        "`{}` is quarantined: {}",
        directive.plugin, quarantined.reason
    )
}

fn warning(directive: &Directive, quarantined: &Substitute, what: &str) -> Diagnostic {
    let message = format!("{}; {what}", reason(directive, quarantined));
    Diagnostic::warning(directive.name_span(), message)
        .label(format!("library {}", quarantined.fingerprint.short()))
        .help("fix the fault and build it again; or, to try it as it is, run `stackup reload --retry`")
}
