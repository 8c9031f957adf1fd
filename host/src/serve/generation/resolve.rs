//! From a manifest's directives to loaded libraries and their handlers.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};

use super::fresh_process;
use super::instance::Key;
use super::probed::ProbedHandlers;
use super::refusal::Stage;
use super::report::Timings;
use super::resolve_context::ResolveContext;
use super::select::{
    DirectiveError, FoundLibraries, ResolveError, SelectedHandler, at, collect, select,
};
use crate::load::library::{Library, LibraryCache, LibraryError, LibraryStore, LoadError, preload};
use crate::load::manifest::{Diagnostic, Directive, Manifest, Preload};
use crate::load::schema::{of_config, shown};
use crate::load::snapshot::SavedLibrary;
use crate::serve::stack::{Outline, OutlineHandler};

/// Every directive with its library; no handler is built yet.
#[derive(Debug)]
pub struct Resolved {
    /// In the order of [`directives`].
    pub(super) handlers: Vec<ResolvedHandler>,
    /// The stack as it is shown to people.
    pub outline: Outline,
    /// Stage and time, summed over the plugins, in order.
    pub timings: Timings,
    /// Warnings about handlers.
    pub(super) warnings: Vec<Diagnostic>,
}

impl Resolved {
    /// Saves the library of each directive in `vault`, for the generation of this number.
    pub(super) fn keep(
        &self,
        vault: &LibraryStore,
        generation: u64,
    ) -> std::io::Result<Vec<SavedLibrary>> {
        let keep = |handler: &ResolvedHandler| {
            Ok(SavedLibrary {
                plugin: handler.plugin.clone(),
                path: handler.path.clone(),
                file: handler.file.clone(),
                fingerprint: handler.library.fingerprint,
                copy: vault.save(&handler.library, generation)?,
            })
        };
        self.handlers.iter().map(keep).collect()
    }
}

/// The handler of a directive, in a loaded library.
#[derive(Debug)]
pub(super) struct ResolvedHandler {
    pub(super) library: Arc<Library>,
    /// As the library exports it.
    pub(super) export: String,
    /// As the manifest names it: `plugin` or `plugin#handler`.
    pub(super) name: String,
    /// Its plugin, as the manifest names it.
    pub(super) plugin: String,
    /// The folder that relative paths in its config start from.
    pub(super) directory: PathBuf,
    /// The directive's `path`, as written.
    pub(super) path: Option<PathBuf>,
    /// The file that the library came from.
    pub(super) file: PathBuf,
    /// Its config as people are shown it.
    pub(super) shown: Map<String, Value>,
}

impl ResolvedHandler {
    /// The schema of its config.
    pub(super) fn schema(&self) -> Value {
        schema(&self.library, &self.export)
    }

    pub(super) fn key(&self, directive: &Directive) -> Key {
        Key {
            name: self.name.clone(),
            fingerprint: self.library.fingerprint,
            export: self.export.clone(),
            config: directive.config.clone(),
            directory: self.directory.clone(),
        }
    }
}

/// Loads every library that the manifest names, after a probe of each handler that was not probed before. Blocks.
///
/// # Errors
///
/// The diagnostics of every directive that can't be resolved.
pub fn resolve(
    manifest: &Manifest,
    context: &ResolveContext,
    shelf: &mut LibraryCache,
    mut probed: Option<&mut ProbedHandlers>,
) -> Result<Resolved, ResolveError> {
    let mut timings = Timings::default();
    let mut warnings = Vec::new();
    let mut found = BTreeMap::new();
    let selected =
        select(manifest, context, shelf, &mut found, &mut timings).and_then(|selected| {
            let Some(probed) = probed.as_deref_mut() else {
                return Ok(selected);
            };
            let start = Instant::now();
            let outcome = probed.probe(&selected, &mut found, manifest, context);
            timings.add("probe", start.elapsed());
            warnings = outcome?;
            Ok(selected)
        });
    let selected = selected.and_then(|selected| {
        warnings.extend(fresh_process::shared_engines(&selected, &found));
        fresh_process::check(&selected, &found, shelf).map(|()| selected)
    });
    let selected = match selected {
        Ok(selected) => selected,
        Err(errors) => {
            found.into_values().for_each(LibraryCache::discard);
            return Err(errors);
        }
    };
    let start = Instant::now();
    if let Err(error) = preload_all(&manifest.plugins.preload) {
        if let Some(probed) = probed {
            probed.forget_preloads();
        }
        found.into_values().for_each(LibraryCache::discard);
        return Err(error);
    }
    let handlers = load(&selected, context, shelf, found)?;
    timings.add("load", start.elapsed());
    let mut order = handlers.iter();
    let outline = Outline::of(&manifest.stack, &mut |directive| {
        outline_handler(directive, order.next())
    });
    Ok(Resolved {
        handlers,
        outline,
        timings,
        warnings,
    })
}

fn preload_all(libraries: &[Preload]) -> Result<(), ResolveError> {
    let mut errors = Vec::new();
    for Preload { name, span } in libraries {
        if let Err(error) = preload(name) {
            let message = format!("`{name}` can't be loaded before the plugins: {error}");
            let mut diagnostic = Diagnostic::error(span.clone(), message);
            diagnostic.help = error.help();
            errors.push((Stage::Load, Box::new(diagnostic)));
        }
    }
    collect(errors).map_or(Ok(()), Err)
}

fn load(
    selected: &[SelectedHandler<'_>],
    context: &ResolveContext,
    shelf: &mut LibraryCache,
    mut found: FoundLibraries,
) -> Result<Vec<ResolvedHandler>, ResolveError> {
    let (mut handlers, mut errors) = (Vec::new(), Vec::new());
    let mut loaded: HashMap<&Path, Arc<Library>> = HashMap::new();
    for handler in selected {
        if let Some(found) = found.remove(&handler.file) {
            match shelf.load(&handler.file, found) {
                Ok(library) => drop(loaded.insert(&handler.file, library)),
                Err(error) => errors.push(unloadable(handler.directive, &error)),
            }
        }
        if let Some(library) = loaded.get(handler.file.as_path()) {
            handlers.push(ResolvedHandler {
                library: Arc::clone(library),
                export: handler.export.clone(),
                name: handler.name.clone(),
                plugin: handler.directive.plugin.clone(),
                directory: context.directory.clone(),
                path: handler.directive.path.clone(),
                file: handler.file.clone(),
                shown: shown_config(handler.directive, library, &handler.export),
            });
        }
    }
    collect(errors).map_or(Ok(handlers), Err)
}

fn unloadable(directive: &Directive, error: &LibraryError) -> DirectiveError {
    let diagnostic = at(directive.name_span(), error);
    let cause = error.load_error();
    let stage = match cause.is_some_and(LoadError::is_exhaustion) {
        true => Stage::Exhausted,
        false => Stage::Load,
    };
    match cause.and_then(LoadError::help) {
        Some(help) => (stage, Box::new(diagnostic.help(help))),
        None => (stage, diagnostic),
    }
}

/// The config of a directive as people are shown it.
fn shown_config(directive: &Directive, library: &Library, export: &str) -> Map<String, Value> {
    match directive.config.values().is_empty() {
        true => Map::new(),
        false => shown(&directive.config, &schema(library, export)),
    }
}

/// The schema of a handler's config; null if it has none.
fn schema(library: &Library, export: &str) -> Value {
    let text = library.plugin.schema(export);
    let schema = text.and_then(|text| of_config(&text).ok());
    schema.unwrap_or_default()
}

fn outline_handler(directive: &Directive, handler: Option<&ResolvedHandler>) -> OutlineHandler {
    let of = |read: fn(&ResolvedHandler) -> String| handler.map(read).unwrap_or_default();
    OutlineHandler {
        name: of(|handler| handler.name.clone()),
        version: of(|handler| handler.library.metadata.version.clone()),
        fingerprint: of(|handler| handler.library.fingerprint.short()),
        config: directive.config.clone(),
        shown: handler
            .map(|handler| handler.shown.clone())
            .unwrap_or_default(),
        on_failure: directive.on_failure,
    }
}
