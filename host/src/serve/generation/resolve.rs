//! From a manifest's directives to loaded libraries and their handlers.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::instance::Key;
use super::probed::ProbedHandlers;
use super::refusal::Stage;
use super::report::Timings;
use super::resolve_context::ResolveContext;
use super::select::{FoundLibraries, ResolveError, SelectedHandler, at, collect, select};
use crate::load::library::{Library, LibraryCache, LibraryStore};
use crate::load::manifest::{Directive, Manifest};
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
}

impl Resolved {
    /// Saves the library of each directive in `vault`, for the generation of this number.
    pub(super) fn keep(
        &self,
        vault: &LibraryStore,
        generation: u64,
    ) -> std::io::Result<Vec<SavedLibrary>> {
        let keep = |chosen: &ResolvedHandler| {
            Ok(SavedLibrary {
                plugin: chosen.plugin.clone(),
                path: chosen.path.clone(),
                file: chosen.file.clone(),
                fingerprint: chosen.library.fingerprint,
                copy: vault.save(&chosen.library, generation)?,
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
    /// The directive's `path`, as written.
    pub(super) path: Option<PathBuf>,
    /// The file that the library came from.
    pub(super) file: PathBuf,
}

impl ResolvedHandler {
    pub(super) fn key(&self, directive: &Directive) -> Key {
        Key {
            name: self.name.clone(),
            fingerprint: self.library.fingerprint,
            export: self.export.clone(),
            config: directive.config.clone(),
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
    probed: Option<&mut ProbedHandlers>,
) -> Result<Resolved, ResolveError> {
    let mut timings = Timings::default();
    let mut found = BTreeMap::new();
    let selected = select(manifest, context, shelf, &mut found, &mut timings).and_then(|picks| {
        let Some(probed) = probed else {
            return Ok(picks);
        };
        let start = Instant::now();
        let outcome = probed.probe(&picks, &found, manifest, context);
        timings.add("probe", start.elapsed());
        outcome.map(|()| picks)
    });
    let picks = match selected {
        Ok(picks) => picks,
        Err(errors) => {
            found.into_values().for_each(LibraryCache::discard);
            return Err(errors);
        }
    };
    let start = Instant::now();
    let handlers = load(&picks, shelf, found)?;
    timings.add("load", start.elapsed());
    let mut order = handlers.iter();
    let outline = Outline::of(&manifest.stack, &mut |directive| {
        piece(directive, order.next())
    });
    Ok(Resolved {
        handlers,
        outline,
        timings,
    })
}

fn load(
    picks: &[SelectedHandler<'_>],
    shelf: &mut LibraryCache,
    mut found: FoundLibraries,
) -> Result<Vec<ResolvedHandler>, ResolveError> {
    let (mut handlers, mut errors) = (Vec::new(), Vec::new());
    let mut loaded: HashMap<&Path, Arc<Library>> = HashMap::new();
    for pick in picks {
        if let Some(found) = found.remove(&pick.file) {
            match shelf.load(&pick.file, found) {
                Ok(library) => drop(loaded.insert(&pick.file, library)),
                Err(error) => errors.push((Stage::Load, at(pick.directive.name_span(), &error))),
            }
        }
        if let Some(library) = loaded.get(pick.file.as_path()) {
            handlers.push(ResolvedHandler {
                library: Arc::clone(library),
                export: pick.export.clone(),
                name: pick.name.clone(),
                plugin: pick.directive.plugin.clone(),
                path: pick.directive.path.clone(),
                file: pick.file.clone(),
            });
        }
    }
    collect(errors).map_or(Ok(handlers), Err)
}

fn piece(directive: &Directive, chosen: Option<&ResolvedHandler>) -> OutlineHandler {
    let of = |read: fn(&ResolvedHandler) -> String| chosen.map(read).unwrap_or_default();
    OutlineHandler {
        name: of(|chosen| chosen.name.clone()),
        version: of(|chosen| chosen.library.metadata.version.clone()),
        fingerprint: of(|chosen| chosen.library.fingerprint.short()),
        config: directive.config.clone(),
        on_failure: directive.on_failure,
    }
}
