//! From a manifest's directives to the libraries and handlers that they mean.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::find::find;
use super::instance::Key;
use super::library_builder::BuiltLibraries;
use super::lock::locking;
use super::probed::ProbedHandlers;
use super::refusal::Stage;
use crate::load::library::{
    Cause, Fingerprint, HandlerKind, Library, LibraryCache, LibraryStore, PrepareError,
    Requirements, ResolvedLibrary, SettleTimeouts, Trust,
};
use crate::load::lock::Lock;
use crate::load::manifest::{self, Diagnostic, Directive, Manifest, Role};
use crate::load::snapshot::{SavedLibrary, Substitute};
use crate::serve::stack::{Outline, OutlineHandler, directives};

/// Where a stack is built.
#[derive(Debug, Clone)]
pub struct ResolveContext {
    /// `development`, `production`, ….
    pub environment: String,
    /// The manifest's directory.
    pub directory: PathBuf,
    /// The plugins that were built; others are looked for in the manifest's `path`.
    pub built: BuiltLibraries,
    /// Libraries that take the place of the files, as a snapshot has them.
    pub kept: Vec<SavedLibrary>,
    /// What to do about each library that is quarantined.
    pub instead: Vec<Substitute>,
    /// What the plugins' libraries may be, if they are locked.
    pub lock: Option<Lock>,
}

/// What is wrong with directives.
#[derive(Debug)]
pub struct ResolveError {
    /// How far the first of them came.
    pub stage: Stage,
    /// Each.
    pub diagnostics: Vec<Diagnostic>,
}

/// What is wrong with one.
type DirectiveError = (Stage, Box<Diagnostic>);

/// Every directive with its library: a stack that no instance exists of yet.
#[derive(Debug)]
pub struct Resolved {
    /// In the order of [`directives`].
    pub(super) handlers: Vec<ResolvedHandler>,
    /// What people read of it.
    pub outline: Outline,
    /// Stage and time, summed over the plugins, in order.
    pub timings: Timings,
}

impl ResolveContext {
    /// The library of a directive, where it is not to be looked for.
    pub(super) fn kept(&self, directive: &Directive) -> Option<&SavedLibrary> {
        let same =
            |kept: &&SavedLibrary| kept.plugin == directive.plugin && kept.path == directive.path;
        self.kept.iter().find(same)
    }

    /// What stands in for a library that is quarantined.
    fn fallback(&self, library: &ResolvedLibrary) -> Option<&SavedLibrary> {
        self.quarantined(library.fingerprint())?.before.as_ref()
    }

    /// Why a library may not serve.
    pub(super) fn quarantined(&self, fingerprint: Fingerprint) -> Option<&Substitute> {
        self.instead
            .iter()
            .find(|held| held.fingerprint == fingerprint)
    }
}

impl Resolved {
    /// Keeps the library of each directive in `vault`, for the generation of this number.
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
                kept: vault.save(&chosen.library, generation)?,
            })
        };
        self.handlers.iter().map(keep).collect()
    }
}

/// The handler that a directive means.
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

/// Loads every library that the manifest names; what was never tried is tried out first. Blocks.
///
/// # Errors
///
/// What is wrong with each directive.
pub fn resolve(
    manifest: &Manifest,
    place: &ResolveContext,
    shelf: &mut LibraryCache,
    tried: Option<&mut ProbedHandlers>,
) -> Result<Resolved, ResolveError> {
    let mut timings = Timings::default();
    let mut found = BTreeMap::new();
    let fit = look(manifest, place, shelf, &mut found, &mut timings).and_then(|picks| {
        let Some(tried) = tried else { return Ok(picks) };
        let start = Instant::now();
        let tried = tried.try_out(&picks, &found, manifest, place);
        timings.add("probe", start.elapsed());
        tried.map(|()| picks)
    });
    let picks = match fit {
        Ok(picks) => picks,
        Err(faults) => {
            found.into_values().for_each(LibraryCache::discard);
            return Err(faults);
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

/// What was found in each file. By path, and once: a file that is replaced meanwhile must not be in
/// one stack twice.
pub(super) type FoundLibraries = BTreeMap<PathBuf, ResolvedLibrary>;

/// The handler that a directive means, in a library that is not loaded yet.
#[derive(Debug)]
pub(super) struct SelectedHandler<'a> {
    pub(super) directive: &'a Directive,
    pub(super) file: PathBuf,
    pub(super) export: String,
    pub(super) name: String,
}

pub(super) fn look<'a>(
    manifest: &'a Manifest,
    place: &ResolveContext,
    shelf: &mut LibraryCache,
    found: &mut FoundLibraries,
    timings: &mut Timings,
) -> Result<Vec<SelectedHandler<'a>>, ResolveError> {
    let (mut picks, mut faults) = (Vec::new(), Vec::new());
    for directive in directives(&manifest.stack) {
        match pick(directive, manifest, place, shelf, found, timings) {
            Ok(pick) => picks.push(pick),
            Err(fault) => faults.push(fault),
        }
    }
    all(faults).map_or(Ok(picks), Err)
}

fn all(faults: Vec<DirectiveError>) -> Option<ResolveError> {
    let (stage, _) = faults.first()?;
    Some(ResolveError {
        stage: *stage,
        diagnostics: faults.into_iter().map(|(_, fault)| *fault).collect(),
    })
}

fn pick<'a>(
    directive: &'a Directive,
    manifest: &Manifest,
    place: &ResolveContext,
    shelf: &mut LibraryCache,
    found: &mut FoundLibraries,
    timings: &mut Timings,
) -> Result<SelectedHandler<'a>, DirectiveError> {
    let kept = place.kept(directive);
    let file = match kept {
        Some(kept) => kept.file.clone(),
        None => find(directive, manifest, place).map_err(|fault| (Stage::Find, fault))?,
    };
    let pin = directive
        .sha256
        .as_deref()
        .map(str::parse::<Fingerprint>)
        .transpose()
        .map_err(|error| (Stage::Manifest, at(directive.key_span("sha256"), &error)))?;
    let locked = place
        .lock
        .as_ref()
        .map(|lock| lock.fingerprints(&directive.plugin));
    let demands = Requirements {
        pin,
        locked: locked.as_deref(),
        trust: match manifest.plugins.trust {
            manifest::Trust::Owner => Trust::Owner,
            manifest::Trust::Any => Trust::Any,
        },
        abi: stackup_plugin::abi::VERSION,
        patience: SettleTimeouts::default(),
    };
    let refused = |error: PrepareError| {
        let stage = Stage::Library(error.cause.stage());
        let diagnostic = at(directive.name_span(), &error);
        let diagnostic = match error.cause {
            Cause::Lock(_) => {
                let help = format!("if this file is meant, run {}", locking(place));
                Box::new(diagnostic.help(help))
            }
            _ => diagnostic,
        };
        (stage, diagnostic)
    };
    let library = match found.entry(file.clone()) {
        Entry::Occupied(entry) => {
            let library = entry.into_mut();
            demands
                .check_fingerprint(library.fingerprint())
                .map_err(|cause| {
                    let path = file.clone();
                    refused(PrepareError { path, cause })
                })?;
            library
        }
        Entry::Vacant(entry) => {
            let looked = match kept {
                Some(kept) => adopt(shelf, kept, &demands),
                None => shelf.prepare(&file, &demands),
            };
            let mut library = looked.map_err(refused)?;
            if let Some(before) = place.fallback(&library) {
                LibraryCache::discard(library);
                library = adopt(shelf, before, &demands).map_err(refused)?;
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

fn adopt(
    shelf: &mut LibraryCache,
    kept: &SavedLibrary,
    demands: &Requirements<'_>,
) -> Result<ResolvedLibrary, PrepareError> {
    shelf.prepare_saved(&kept.kept, kept.fingerprint, demands)
}

fn load(
    picks: &[SelectedHandler<'_>],
    shelf: &mut LibraryCache,
    mut found: FoundLibraries,
) -> Result<Vec<ResolvedHandler>, ResolveError> {
    let (mut handlers, mut faults) = (Vec::new(), Vec::new());
    let mut loaded: HashMap<&Path, Arc<Library>> = HashMap::new();
    for pick in picks {
        if let Some(found) = found.remove(&pick.file) {
            match shelf.load(&pick.file, found) {
                Ok(library) => drop(loaded.insert(&pick.file, library)),
                Err(error) => faults.push((Stage::Load, at(pick.directive.name_span(), &error))),
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
    all(faults).map_or(Ok(handlers), Err)
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

/// Times by stage, in the order in which the stages first came.
#[derive(Debug, Default)]
pub struct Timings(pub Vec<(String, Duration)>);

impl Timings {
    pub(super) fn add(&mut self, stage: &str, time: Duration) {
        match self.0.iter_mut().find(|(name, _)| name == stage) {
            Some((_, sum)) => *sum += time,
            None => self.0.push((stage.to_owned(), time)),
        }
    }
}

pub(super) fn at(span: manifest::Span, error: &dyn std::error::Error) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(span, error.to_string()))
}
