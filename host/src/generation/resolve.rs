//! From a manifest's directives to the libraries and handlers that they mean.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::reload::Brought;
use crate::library::{
    Cause, Demands, Fingerprint, HandlerKind, Library, NotFound, Patience, PrepareError, Shelf,
    TakeError, Trust, check_pin, file_name, locate, plugins_in,
};
use crate::manifest::words::nearest;
use crate::manifest::{self, Diagnostic, Directive, Manifest, Role};
use crate::stack::{Outline, Piece, directives};

/// Where a stack is built.
#[derive(Debug, Clone)]
pub struct Place {
    /// `development`, `production`, ….
    pub environment: String,
    /// The manifest's directory.
    pub directory: PathBuf,
    /// The plugins that were built; others are looked for in the manifest's `path`.
    pub brought: Brought,
}

/// Every directive with its library: a stack that no instance exists of yet.
#[derive(Debug)]
pub struct Resolved {
    /// In the order of [`directives`].
    pub(super) handlers: Vec<Chosen>,
    /// What people read of it.
    pub outline: Outline,
    /// Stage and time, summed over the plugins, in order.
    pub timings: Timings,
}

impl Resolved {
    /// The libraries that the handlers are of.
    pub(super) fn libraries(&self) -> Vec<Arc<Library>> {
        let libraries = self.handlers.iter().map(|chosen| &chosen.library);
        libraries.cloned().collect()
    }
}

/// The handler that a directive means.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) library: Arc<Library>,
    /// As the library exports it.
    pub(super) export: String,
    /// As the manifest names it: `plugin` or `plugin#handler`.
    pub(super) name: String,
}

/// The files that a manifest's directives lead to, or where they would be looked for: what to watch.
pub(super) fn files(manifest: &Manifest, place: &Place) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for directive in directives(&manifest.stack) {
        match find(directive, manifest, place) {
            Ok(file) => files.push(file),
            Err(_) => files.extend(
                folders(manifest, place)
                    .iter()
                    .map(|dir| dir.join(file_name(&directive.plugin))),
            ),
        }
    }
    files
}

/// Loads every library that the manifest names. Blocks.
///
/// # Errors
///
/// What is wrong with each directive.
pub fn resolve(
    manifest: &Manifest,
    place: &Place,
    shelf: &mut Shelf,
) -> Result<Resolved, Vec<Diagnostic>> {
    let (mut handlers, mut diagnostics) = (Vec::new(), Vec::new());
    let mut visit = Visit {
        shelf,
        taken: HashMap::new(),
        timings: Timings::default(),
    };
    for directive in directives(&manifest.stack) {
        match choose(directive, manifest, place, &mut visit) {
            Ok(chosen) => handlers.push(chosen),
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let mut order = handlers.iter();
    let outline = Outline::of(&manifest.stack, &mut |directive| {
        piece(directive, order.next())
    });
    Ok(Resolved {
        handlers,
        outline,
        timings: visit.timings,
    })
}

fn piece(directive: &Directive, chosen: Option<&Chosen>) -> Piece {
    let of = |read: fn(&Chosen) -> String| chosen.map(read).unwrap_or_default();
    Piece {
        name: of(|chosen| chosen.name.clone()),
        version: of(|chosen| chosen.library.metadata.version.clone()),
        fingerprint: of(|chosen| chosen.library.fingerprint.short()),
        config: directive.config.clone(),
    }
}

/// One walk along the shelf for all directives.
struct Visit<'a> {
    shelf: &'a mut Shelf,
    /// By path: a file that is replaced meanwhile must not be in one stack twice.
    taken: HashMap<PathBuf, Arc<Library>>,
    timings: Timings,
}

impl Visit<'_> {
    fn take(&mut self, path: &Path, demands: &Demands<'_>) -> Result<Arc<Library>, TakeError> {
        if let Some(library) = self.taken.get(path) {
            check_pin(demands.pin, library.fingerprint).map_err(|error| PrepareError {
                path: path.to_path_buf(),
                cause: Cause::Pin(error),
            })?;
            return Ok(Arc::clone(library));
        }
        let taken = self.shelf.take(path, demands)?;
        for (stage, time) in taken.timings {
            self.timings.add(&stage, time);
        }
        let library = Arc::clone(&taken.library);
        self.taken.insert(path.to_path_buf(), taken.library);
        Ok(library)
    }
}

fn choose(
    directive: &Directive,
    manifest: &Manifest,
    place: &Place,
    visit: &mut Visit<'_>,
) -> Result<Chosen, Box<Diagnostic>> {
    let file = find(directive, manifest, place)?;
    let pin = directive
        .sha256
        .as_deref()
        .map(str::parse::<Fingerprint>)
        .transpose();
    let demands = Demands {
        pin: pin.map_err(|error| at(directive.key_span("sha256"), &error))?,
        trust: match manifest.plugins.trust {
            manifest::Trust::Owner => Trust::Owner,
            manifest::Trust::Any => Trust::Any,
        },
        abi: stackup_plugin::abi::VERSION,
        patience: Patience::default(),
    };
    let library = visit
        .take(&file, &demands)
        .map_err(|error| at(directive.name_span(), &error))?;
    let wanted = match directive.role {
        Role::Use => HandlerKind::Middleware,
        Role::Run => HandlerKind::App,
    };
    let export = library
        .metadata
        .choose(directive.handler.as_deref(), wanted)
        .map_err(|error| at(directive.name_span(), &error))?
        .name
        .clone();
    let name = match &directive.handler {
        Some(handler) => format!("{}#{handler}", directive.plugin),
        None => directive.plugin.clone(),
    };
    Ok(Chosen {
        library,
        export,
        name,
    })
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

fn folders(manifest: &Manifest, place: &Place) -> Vec<PathBuf> {
    manifest
        .plugins
        .path
        .iter()
        .map(|folder| place.directory.join(folder))
        .collect()
}

fn find(
    directive: &Directive,
    manifest: &Manifest,
    place: &Place,
) -> Result<PathBuf, Box<Diagnostic>> {
    if let Some(built) = place.brought.files.get(&directive.plugin) {
        return Ok(built.clone());
    }
    match &directive.path {
        Some(path)
            if path
                .extension()
                .is_some_and(|end| end == library_extension()) =>
        {
            Ok(place.directory.join(path))
        }
        // A crate's folder: what cargo has built of it, with that of the others.
        _ => {
            let folders = folders(manifest, place);
            locate(&directive.plugin, &folders).map_err(|error| {
                let mut known = place.brought.known.clone();
                known.extend(plugins_in(&folders));
                Box::new(missing(directive, &error, &known))
            })
        }
    }
}

fn missing(directive: &Directive, error: &NotFound, known: &[String]) -> Diagnostic {
    let plugin = &directive.plugin;
    let label = match nearest(plugin, known.iter().map(String::as_str)) {
        Some(near) if near != plugin => format!("did you mean `{near}`?"),
        _ => "no such library".to_owned(),
    };
    let help = "build it (`cargo build --release`), name its folder in `[plugins] path`, or give its \
                library or crate as `path = \"…\"`";
    let message = format!("the plugin `{plugin}` is not there: {error}");
    Diagnostic::error(directive.name_span(), message)
        .label(label)
        .help(help)
}

fn library_extension() -> &'static Path {
    Path::new(std::env::consts::DLL_EXTENSION)
}

fn at(span: manifest::Span, error: &dyn std::error::Error) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(span, error.to_string()))
}
