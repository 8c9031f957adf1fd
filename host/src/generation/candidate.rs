//! From a resolved manifest to a candidate: every handler built.

use std::sync::Arc;

use serde_json::Value;
use stackup_plugin::abi::host::{Failure, Handler, HandlerContext, Untold};
use stackup_plugin::abi::tables::RawErrorKind;

use super::resolve::{Chosen, Place, Resolved};
use super::tasks::Tasks;
use crate::manifest::{Diagnostic, Directive, Level};
use crate::stack::Stack;

/// Builds an instance for each directive of `level`, and the stack of them. Blocks.
///
/// # Errors
///
/// What each `init` refused. The instances that were built are dropped, and their tasks end.
pub fn build(
    level: &Level,
    resolved: &Resolved,
    place: &Place,
    tasks: &Arc<Tasks>,
) -> Result<Stack, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let mut order = resolved.handlers.iter();
    let stack = Stack::build(level, &mut |directive| {
        let built = init(directive, order.next()?, place, tasks);
        built
            .map_err(|diagnostic| diagnostics.push(*diagnostic))
            .ok()
    });
    stack.ok_or_else(|| {
        tasks.end();
        diagnostics
    })
}

fn init(
    directive: &Directive,
    chosen: &Chosen,
    place: &Place,
    tasks: &Arc<Tasks>,
) -> Result<Arc<Handler>, Box<Diagnostic>> {
    let name = &chosen.name;
    let context = HandlerContext {
        handler: name.clone(),
        plugin: directive.plugin.clone(),
        fingerprint: chosen.library.fingerprint.to_string(),
        environment: place.environment.clone(),
        directory: place.directory.clone(),
        scope: Arc::clone(tasks) as _,
        incidents: Box::new(Untold),
    };
    let config = Value::Object(directive.config.clone()).to_string();
    match chosen.library.plugin.init(&chosen.export, &config, context) {
        Some(Ok(handler)) => Ok(Arc::new(handler)),
        Some(Err(failure)) => Err(Box::new(refused(directive, name, &failure))),
        None => {
            let message = format!("`{name}` is described in its library, but not exported");
            Err(Box::new(Diagnostic::error(directive.name_span(), message)))
        }
    }
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
