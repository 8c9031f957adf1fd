//! From a manifest to a candidate: every library loaded, every handler built.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use stackup_plugin::abi::host::{Failure, HandlerContext};
use stackup_plugin::abi::tables::RawErrorKind;
use tokio::runtime::Handle;

use super::tasks::Tasks;
use crate::library::{
    Demands, Fingerprint, HandlerKind, Library, Patience, Shelf, Trust, file_name, locate,
};
use crate::manifest::{self, Diagnostic, Directive, Manifest, Role};
use crate::stack::{Mounted, Piece, Stack};

/// Where a stack is built.
#[derive(Debug, Clone)]
pub struct Place {
    /// `development`, `production`, ….
    pub environment: String,
    /// The manifest's directory.
    pub directory: PathBuf,
    /// The files of plugins that were built; others are looked for in the manifest's `path`.
    pub built: HashMap<String, PathBuf>,
}

/// A stack that could be swapped in.
#[derive(Debug)]
pub struct Candidate {
    /// The stack.
    pub stack: Stack,
    /// What its handlers have spawned.
    pub tasks: Arc<Tasks>,
    /// Stage and time, summed over the plugins, in order.
    pub timings: Vec<(String, Duration)>,
}

/// Builds candidates from a shelf of libraries.
#[derive(Debug)]
pub struct Builder<'a> {
    /// The libraries.
    pub shelf: &'a mut Shelf,
    /// Where.
    pub place: &'a Place,
    /// Where the handlers' tasks run.
    pub runtime: Handle,
}

impl Builder<'_> {
    /// The files that the manifest's directives lead to, or where they would be looked for first:
    /// what to watch.
    pub fn files(manifest: &Manifest, place: &Place) -> Vec<PathBuf> {
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

    /// Loads and builds all that the manifest names. Blocks.
    ///
    /// # Errors
    ///
    /// What is wrong with each directive. What was built of the candidate is dropped again.
    pub fn build(mut self, manifest: &Manifest) -> Result<Candidate, Vec<Diagnostic>> {
        let tasks = Arc::new(Tasks::new(self.runtime.clone()));
        let mut diagnostics = Vec::new();
        let mut timings = Timings::default();
        let stack = Stack::build(&manifest.stack, &mut |directive| {
            let mounted = self.mount(directive, manifest, &tasks, &mut timings);
            mounted
                .map_err(|diagnostic| diagnostics.push(*diagnostic))
                .ok()
        });
        match stack {
            Some(stack) => Ok(Candidate {
                stack,
                tasks,
                timings: timings.0,
            }),
            None => {
                tasks.end();
                Err(diagnostics)
            }
        }
    }

    fn mount(
        &mut self,
        directive: &Directive,
        manifest: &Manifest,
        tasks: &Arc<Tasks>,
        timings: &mut Timings,
    ) -> Result<Mounted, Box<Diagnostic>> {
        let library = self.library(directive, manifest, timings)?;
        let wanted = match directive.role {
            Role::Use => HandlerKind::Middleware,
            Role::Run => HandlerKind::App,
        };
        let chosen = library
            .metadata
            .choose(directive.handler.as_deref(), wanted)
            .map_err(|error| at(directive.name_span(), "choose", &error))?;
        let name = match &directive.handler {
            Some(handler) => format!("{}#{handler}", directive.plugin),
            None => directive.plugin.clone(),
        };
        let context = HandlerContext {
            handler: name.clone(),
            environment: self.place.environment.clone(),
            directory: self.place.directory.clone(),
            scope: Arc::clone(tasks) as _,
        };
        let config = Value::Object(directive.config.clone()).to_string();
        let start = Instant::now();
        let built = library
            .plugin
            .init(&chosen.name, &config, Arc::new(context));
        timings.add("init", start.elapsed());
        let handler = match built {
            Some(Ok(handler)) => handler,
            Some(Err(failure)) => return Err(Box::new(refused(directive, &name, &failure))),
            None => {
                let message = format!("`{name}` is described in its library, but not exported");
                return Err(Box::new(Diagnostic::error(directive.name_span(), message)));
            }
        };
        let piece = Piece {
            name,
            version: library.metadata.version.clone(),
            fingerprint: library.fingerprint.short(),
            config: directive.config.clone(),
        };
        Ok(Mounted {
            handler: Arc::new(handler),
            piece,
        })
    }

    fn library(
        &mut self,
        directive: &Directive,
        manifest: &Manifest,
        timings: &mut Timings,
    ) -> Result<Arc<Library>, Box<Diagnostic>> {
        let file = find(directive, manifest, self.place)?;
        let pin = directive
            .sha256
            .as_deref()
            .map(str::parse::<Fingerprint>)
            .transpose();
        let demands = Demands {
            pin: pin.map_err(|error| at(directive.key_span("sha256"), "fingerprint", &error))?,
            trust: match manifest.plugins.trust {
                manifest::Trust::Owner => Trust::Owner,
                manifest::Trust::Any => Trust::Any,
            },
            abi: stackup_plugin::abi::VERSION,
            patience: Patience::default(),
        };
        let taken = self.shelf.take(&file, &demands).map_err(|error| {
            Box::new(Diagnostic::error(directive.name_span(), error.to_string()))
        })?;
        for (stage, time) in taken.timings {
            timings.add(&stage, time);
        }
        Ok(taken.library)
    }
}

/// The JSON Schema of the config of a library's handler.
pub fn config_schema(library: &Library, handler: &str) -> Option<String> {
    library.plugin.schema(handler)
}

#[derive(Default)]
struct Timings(Vec<(String, Duration)>);

impl Timings {
    fn add(&mut self, stage: &str, time: Duration) {
        match self.0.iter_mut().find(|(name, _)| name == stage) {
            Some((_, sum)) => *sum += time,
            None => self.0.push((stage.to_owned(), time)),
        }
    }
}

/// Every directive, in the order of the stack.
fn directives(level: &manifest::Level) -> Vec<&Directive> {
    let mut all: Vec<_> = level.uses.iter().collect();
    for map in &level.maps {
        all.extend(directives(&map.level));
    }
    all.extend(&level.run);
    all
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
    if let Some(built) = place.built.get(&directive.plugin) {
        return Ok(built.clone());
    }
    match &directive.path {
        Some(path) if path.extension().is_some_and(|end| end == library_extension()) => {
            Ok(place.directory.join(path))
        }
        // A crate's folder: what cargo has built of it, with that of the others.
        _ => locate(&directive.plugin, &folders(manifest, place)).map_err(|error| {
            let message = format!("the plugin `{}` is not there: {error}", directive.plugin);
            let help = "build it (`cargo build --release`), name its folder in `[plugins] path`, or \
                        give its library or crate as `path = \"…\"`";
            Box::new(
                Diagnostic::error(directive.name_span(), message).label("no such library").help(help),
            )
        }),
    }
}

fn library_extension() -> &'static Path {
    Path::new(std::env::consts::DLL_EXTENSION)
}

fn at(span: manifest::Span, stage: &str, error: &dyn std::error::Error) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(span, error.to_string()).note(format!("refused at stage {stage}")))
}

fn refused(directive: &Directive, name: &str, failure: &Failure) -> Diagnostic {
    let text = failure.message.as_str();
    match failure.kind {
        RawErrorKind::Config => {
            let unknown = text.starts_with("unknown field");
            let span = if unknown {
                directive.config_key_span(&failure.place)
            } else {
                directive.config_span(&failure.place)
            };
            Diagnostic::error(span, format!("the config of `{name}` does not fit: {text}"))
                .label(text)
        }
        RawErrorKind::Panic => Diagnostic::error(
            directive.name_span(),
            format!("`{name}` panicked in init: {text}"),
        )
        .label(format!("at {}", failure.place))
        .help("a panic in `init` is a bug of the plugin; return an error instead"),
        _ => Diagnostic::error(
            directive.name_span(),
            format!("`{name}` can't be built: {text}"),
        )
        .label("its `init` returned this error"),
    }
}
