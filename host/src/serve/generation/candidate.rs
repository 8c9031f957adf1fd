//! From a resolved manifest to a candidate: instances that serve already are reused, the rest are built.

use std::path::PathBuf;
use std::sync::Arc;

use stackup_plugin::abi::host::{Counters, Failure, Handler, HandlerContext, Life, TaskScope};
use stackup_plugin::abi::tables::RawErrorKind;
use tokio::runtime::Handle;

use super::health::Health;
use super::instance::{Instance, InstanceId};
use super::matching::{Position, match_up, positions};
use super::resolve::{Resolved, ResolvedHandler};
use crate::load::library::help_in;
use crate::load::manifest::{Diagnostic, Directive, Level};
use crate::load::schema::{censored, is_secret_at};
use crate::serve::observe::ObserveLayers;
use crate::serve::stack::{Metering, Stack, directives};
use crate::services::Tasks;

/// What a candidate is built with.
#[derive(Debug)]
pub struct BuildContext {
    /// `development`, `production`, ….
    pub environment: String,
    /// The manifest's directory.
    pub directory: PathBuf,
    /// The runtime of its tasks.
    pub runtime: Handle,
    /// The number of its generation.
    pub number: u64,
    /// Whether it is only tried, and never serves.
    pub is_trial: bool,
    /// Where its handlers' counters are.
    pub counters: Arc<Counters>,
    /// Observes its layers, in development.
    pub observer: Option<Arc<dyn ObserveLayers>>,
    /// What measures it, if anything does.
    pub metering: Option<Metering>,
    /// The instances that it may reuse, each with its position, in the order of their stack.
    pub serving: Vec<(Position, Arc<Instance>)>,
}

/// A stack that could serve.
#[derive(Debug)]
pub struct Candidate {
    /// The stack.
    pub stack: Stack,
    /// Its instances, in the order of the directives.
    pub instances: Vec<Arc<Instance>>,
}

/// A candidate that could not be built.
#[derive(Debug)]
pub struct RejectedCandidate {
    /// Why.
    pub diagnostics: Vec<Diagnostic>,
    /// The instances that were built or reused for it.
    pub instances: Vec<Arc<Instance>>,
}

/// Finds or builds an instance for each directive of `level`, and the stack of them. Blocks.
///
/// # Errors
///
/// The error of every `init` that failed.
pub fn build(
    level: &Level,
    resolved: &Resolved,
    context: &BuildContext,
) -> Result<Candidate, RejectedCandidate> {
    let (mut instances, mut diagnostics) = (Vec::new(), Vec::new());
    let mut started = Vec::new();
    let mut found = kept(level, resolved, context).into_iter();
    let mut order = resolved.handlers.iter();
    let mut mount = |directive: &Directive| {
        let (handler, kept) = (order.next()?, found.next().flatten());
        let built = match kept {
            Some(instance) => Ok(instance),
            None => init(directive, handler, context).map(|instance| {
                let instance = Arc::new(instance);
                started.push((directive.clone(), handler, Arc::clone(&instance)));
                instance
            }),
        };
        let instance = built
            .map_err(|diagnostic| diagnostics.push(*diagnostic))
            .ok()?;
        instances.push(Arc::clone(&instance));
        Some((Arc::clone(&instance.handler), handler.shown.clone()))
    };
    let stack = Stack::build(
        level,
        &mut mount,
        context.observer.as_deref(),
        context.metering.as_ref(),
    );
    // Only now, so that they start side by side.
    if stack.is_some() {
        for (directive, handler, instance) in &started {
            if let Err(failure) = instance.handler.wait_for_guests() {
                diagnostics.push(refused(directive, handler, &failure));
            }
        }
    }
    drop(started);
    match stack {
        Some(stack) if diagnostics.is_empty() => Ok(Candidate { stack, instances }),
        _ => Err(RejectedCandidate {
            diagnostics,
            instances,
        }),
    }
}

/// The instance that each directive reuses, if it does.
fn kept(level: &Level, resolved: &Resolved, context: &BuildContext) -> Vec<Option<Arc<Instance>>> {
    let keys = directives(level)
        .into_iter()
        .zip(&resolved.handlers)
        .map(|(directive, handler)| handler.key(directive));
    let wanted: Vec<_> = positions(level).into_iter().zip(keys).collect();
    let serving = context.serving.iter();
    let serving: Vec<_> = serving
        .map(|(position, instance)| (position.clone(), instance.key.clone()))
        .collect();
    let instance = |at: usize| Some(Arc::clone(&context.serving.get(at)?.1));
    match_up(&serving, &wanted)
        .into_iter()
        .map(|at| at.and_then(instance))
        .collect()
}

fn init(
    directive: &Directive,
    handler: &ResolvedHandler,
    context: &BuildContext,
) -> Result<Instance, Box<Diagnostic>> {
    let name = &handler.name;
    let tasks = Arc::new(Tasks::new(context.runtime.clone()));
    let health = Arc::new(Health::new(name.clone()));
    let fingerprint = handler.library.fingerprint.to_string();
    let mut scope: Arc<dyn TaskScope> = Arc::clone(&tasks) as _;
    if let Some(observer) = &context.observer {
        scope = observer.scope(scope, name, &fingerprint);
    }
    let handler_context = HandlerContext {
        handler: name.clone(),
        plugin: directive.plugin.clone(),
        fingerprint,
        environment: context.environment.clone(),
        directory: context.directory.clone(),
        scope,
        failures: Arc::clone(&health) as _,
        life: Arc::new(match context.is_trial {
            true => Life::trial(),
            false => Life::new(),
        }),
        counters: Arc::clone(&context.counters),
    };
    let started = start(directive, handler, handler_context);
    let started = started.inspect_err(|_| drop(tasks.end()))?;
    Ok(Instance {
        id: InstanceId::new(),
        key: handler.key(directive),
        handler: Arc::new(started),
        tasks,
        health,
        library: Arc::clone(&handler.library),
        born: context.number,
    })
}

fn start(
    directive: &Directive,
    handler: &ResolvedHandler,
    context: HandlerContext,
) -> Result<Handler, Box<Diagnostic>> {
    let name = &handler.name;
    let config = directive.config.to_json();
    let library = &handler.library;
    let init = || library.plugin.init(&handler.export, &config, context);
    match library.guard(name, init) {
        Some(Ok(handler)) => Ok(handler),
        Some(Err(failure)) => Err(Box::new(refused(directive, handler, &failure))),
        None => {
            let message = format!("`{name}` is described in its library, but not exported");
            Err(Box::new(Diagnostic::error(directive.name_span(), message)))
        }
    }
}

fn refused(directive: &Directive, handler: &ResolvedHandler, failure: &Failure) -> Diagnostic {
    let (name, schema) = (&handler.name, handler.schema());
    let text = &censored(&directive.config, &schema, &failure.message);
    match failure.kind {
        RawErrorKind::Config => {
            let unknown = text.starts_with("unknown field");
            let span = if unknown {
                directive.config_key_span(&failure.place)
            } else {
                directive.config_span(&failure.place)
            };
            let message = format!("the config of `{name}` does not fit: {text}");
            let mut diagnostic = Diagnostic::error(span, message).label(text);
            diagnostic.secret = is_secret_at(&schema, &failure.place);
            diagnostic
        }
        RawErrorKind::Panic => Diagnostic::error(
            directive.name_span(),
            format!("`{name}` panicked in init: {text}"),
        )
        .label(format!("at {}", failure.place))
        .help("a panic in `init` is a bug of the plugin; return an error instead"),
        _ => {
            let mut diagnostic = Diagnostic::error(
                directive.name_span(),
                format!("`{name}` can't be built: {text}"),
            )
            .label("its `init` returned this error");
            diagnostic.help = help_in(text);
            diagnostic
        }
    }
}
