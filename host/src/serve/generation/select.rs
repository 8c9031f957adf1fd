//! Which library and which handler a directive selects, before anything is loaded.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::env::consts::DLL_EXTENSION;
use std::fs;
use std::path::{Path, PathBuf};

use super::find::find;
use super::refusal::Stage;
use super::report::Timings;
use super::resolve_context::ResolveContext;
use crate::load::library::{
    Cause, Fingerprint, HandlerKind, LibraryCache, PrepareError, Requirements, ResolvedLibrary,
    SettleTimeouts, Trust,
};
use crate::load::manifest::{self, Diagnostic, Directive, Manifest, Role};
use crate::load::snapshot::SavedLibrary;
use crate::serve::stack::directives;

/// The directives that can't be resolved.
#[derive(Debug)]
pub struct ResolveError {
    /// The stage at which the first of them failed.
    pub stage: Stage,
    /// One for each.
    pub diagnostics: Vec<Diagnostic>,
}

/// Why one directive can't be resolved, and at which stage.
pub(super) type DirectiveError = (Stage, Box<Diagnostic>);

/// The library in each file. Each file is read once: one that is replaced during a reload must not be in one stack in
/// two versions.
pub(super) type FoundLibraries = BTreeMap<PathBuf, ResolvedLibrary>;

/// The handler of a directive, in a library that is not loaded yet.
#[derive(Debug)]
pub(super) struct SelectedHandler<'a> {
    pub(super) directive: &'a Directive,
    pub(super) file: PathBuf,
    pub(super) export: String,
    pub(super) name: String,
}

/// Finds the library and the handler of each directive, without loading any.
pub(super) fn select<'a>(
    manifest: &'a Manifest,
    context: &ResolveContext,
    shelf: &mut LibraryCache,
    found: &mut FoundLibraries,
    timings: &mut Timings,
) -> Result<Vec<SelectedHandler<'a>>, ResolveError> {
    let (mut handlers, mut errors) = (Vec::new(), Vec::new());
    for directive in directives(&manifest.stack) {
        match select_one(directive, manifest, context, shelf, found, timings) {
            Ok(handler) => handlers.push(handler),
            Err(error) => errors.push(error),
        }
    }
    errors.extend(same_library(&handlers, &context.directory));
    collect(errors).map_or(Ok(handlers), Err)
}

/// One plugin name with the `path`s of two crates, for which one library was found by the name.
fn same_library(handlers: &[SelectedHandler<'_>], directory: &Path) -> Option<DirectiveError> {
    let is_crate = |directive: &Directive| {
        let path = directive.path.as_deref();
        path.is_some_and(|path| path.extension().is_none_or(|end| end != DLL_EXTENSION))
    };
    // Links may lead to one crate.
    let folder = |directive: &Directive| {
        let path = directory.join(directive.path.as_deref().unwrap_or(Path::new("")));
        fs::canonicalize(&path).unwrap_or(path)
    };
    let crates = handlers.iter().filter(|one| is_crate(one.directive));
    let mut seen: BTreeMap<&str, &SelectedHandler<'_>> = BTreeMap::new();
    for one in crates {
        let other = *seen.entry(&one.directive.plugin).or_insert(one);
        if other.file == one.file && folder(other.directive) != folder(one.directive) {
            let message = format!(
                "the plugin `{}` stands for two crates here, but for both the library `{}` was found",
                one.directive.plugin,
                one.file.display()
            );
            let diagnostic = Diagnostic::error(one.directive.key_span("path"), message)
                .help("give each directive its library as `path`, or the crates different names");
            return Some((Stage::Find, Box::new(diagnostic)));
        }
    }
    None
}

pub(super) fn collect(errors: Vec<DirectiveError>) -> Option<ResolveError> {
    let (stage, _) = errors.first()?;
    Some(ResolveError {
        stage: *stage,
        diagnostics: errors.into_iter().map(|(_, error)| *error).collect(),
    })
}

fn select_one<'a>(
    directive: &'a Directive,
    manifest: &Manifest,
    context: &ResolveContext,
    shelf: &mut LibraryCache,
    found: &mut FoundLibraries,
    timings: &mut Timings,
) -> Result<SelectedHandler<'a>, DirectiveError> {
    let kept = context.kept(directive);
    let file = match kept {
        Some(kept) => kept.file.clone(),
        None => find(directive, manifest, context).map_err(|error| (Stage::Find, error))?,
    };
    let pin = directive
        .sha256
        .as_deref()
        .map(str::parse::<Fingerprint>)
        .transpose()
        .map_err(|error| (Stage::Manifest, at(directive.key_span("sha256"), &error)))?;
    let locked = context
        .lock
        .as_ref()
        .map(|lock| lock.fingerprints(&directive.plugin));
    let requirements = Requirements {
        pin,
        locked: locked.as_deref(),
        trust: match (manifest.plugins.trust, context.trust) {
            // Whoever could replace it can change its sources as well.
            _ if kept.is_none() && context.is_built(&file) => Trust::Any,
            (Trust::Owner, Trust::Owner) => Trust::Owner,
            _ => Trust::Any,
        },
        abi: stackup_plugin::abi::VERSION,
        settle: SettleTimeouts::default(),
    };
    let refused = |error: PrepareError| {
        let stage = Stage::Library(error.cause.stage());
        let diagnostic = at(directive.name_span(), &error);
        let diagnostic = match error.cause {
            Cause::Lock(_) => {
                let help = format!("if this file is meant, run {}", context.lock_command());
                Box::new(diagnostic.help(help))
            }
            Cause::Describe(ref cause) => match cause.help() {
                Some(help) => Box::new(diagnostic.help(help)),
                None => diagnostic,
            },
            _ => diagnostic,
        };
        (stage, diagnostic)
    };
    let library = match found.entry(file.clone()) {
        Entry::Occupied(entry) => {
            let library = entry.into_mut();
            requirements
                .check_fingerprint(library.fingerprint())
                .map_err(|cause| {
                    let path = file.clone();
                    refused(PrepareError { path, cause })
                })?;
            library
        }
        Entry::Vacant(entry) => {
            let prepared = match kept {
                Some(kept) => prepare_saved(shelf, kept, &requirements),
                None => shelf.prepare(&file, &requirements),
            };
            let mut library = prepared.map_err(refused)?;
            if let Some(before) = context.substitute(&library) {
                LibraryCache::discard(library);
                library = prepare_saved(shelf, before, &requirements).map_err(refused)?;
            }
            for (stage, time) in std::mem::take(&mut library.timings) {
                timings.add(&stage, time);
            }
            entry.insert(library)
        }
    };
    let wanted = match directive.role {
        Role::Use => HandlerKind::Middleware,
        Role::Run => HandlerKind::App,
    };
    let handler = library
        .metadata()
        .choose(directive.handler.as_deref(), wanted)
        .map_err(|error| (Stage::Choose, at(directive.name_span(), &error)))?;
    let name = match &directive.handler {
        Some(handler) => format!("{}#{handler}", directive.plugin),
        None => directive.plugin.clone(),
    };
    Ok(SelectedHandler {
        directive,
        file,
        export: handler.name.clone(),
        name,
    })
}

fn prepare_saved(
    shelf: &mut LibraryCache,
    kept: &SavedLibrary,
    requirements: &Requirements<'_>,
) -> Result<ResolvedLibrary, PrepareError> {
    shelf.prepare_saved(&kept.copy, &kept.file, kept.fingerprint, requirements)
}

pub(super) fn at(span: manifest::Span, error: &dyn std::error::Error) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(span, error.to_string()))
}
