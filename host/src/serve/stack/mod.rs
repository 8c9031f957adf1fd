//! `use`, `map` and `run` as one immutable stack, built inside out.
//!
//! Knows neither sockets nor files.

mod builder;
mod cascade;
mod diff;
mod levels;
mod location;
mod metering;
mod outline;
mod request_limits;
mod slot;
mod url_map;
mod wrapped;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};
use stackup_plugin::abi::host::{
    Failure, Handler, HolderSlot, HostApp, HostRequest, HostResponse, Node, Outcome,
};

use self::builder::Builder;
use crate::load::manifest::{Directive, Level};
use crate::serve::observe::ObserveLayers;

pub use self::diff::{Change, Mark, diff, folder_change};
pub use self::levels::Levels;
pub use self::location::Location;
pub use self::metering::Metering;
pub use self::outline::{Line, Outline, OutlineHandler};
pub use self::request_limits::{LimitsByLocation, RequestLimit, RequestLimits};
pub use self::slot::{LayerCounts, LayerSlot};
pub use self::url_map::{Branch, RouteLevels, UrlMap};
pub use self::wrapped::{WrappedCall, WrappedService};

/// A handler, and its config as people are shown it.
pub type Mounted = (Arc<Handler>, Map<String, Value>);

/// A stack that answers requests.
pub struct Stack {
    /// Where a request enters.
    pub root: Node,
    /// The slots of its layers, in the order of [`directives`]; empty if it is not observed.
    pub slots: Vec<Arc<LayerSlot>>,
    /// Where its nodes find the generation that it is the stack of.
    pub holder: HolderSlot,
    /// What requests may still enter.
    pub levels: Arc<Levels>,
}

impl Stack {
    /// Builds the stack of a manifest's top level, its layers observed by `observer` if there is one, and
    /// its calls measured if there is `metering`.
    ///
    /// `mount` returns the handler of each directive, in the order of [`directives`]. It is called for all of them,
    /// and if it returns none for one, there is no stack.
    pub fn build(
        level: &Level,
        mount: &mut dyn FnMut(&Directive) -> Option<Mounted>,
        observer: Option<&dyn ObserveLayers>,
        metering: Option<&Metering>,
    ) -> Option<Self> {
        Builder::build(level, mount, observer, metering)
    }

    /// A stack without handlers: it answers every request with 503 and `reason`.
    pub fn unavailable(reason: String) -> Self {
        Self {
            root: Node::HostApp(Box::new(Unavailable(reason))),
            slots: Vec::new(),
            holder: HolderSlot::default(),
            levels: Arc::default(),
        }
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").finish_non_exhaustive()
    }
}

/// Every directive of a level, and of the maps and the cascade in it, in the order of the stack.
pub fn directives(level: &Level) -> Vec<&Directive> {
    let mut all: Vec<_> = level.uses.iter().collect();
    for map in &level.maps {
        all.extend(directives(&map.level));
    }
    for tried in level.cascade.iter().flatten() {
        all.extend(directives(&tried.level));
    }
    all.extend(&level.run);
    all
}

/// Answers with 503 and a reason.
struct Unavailable(String);

impl HostApp for Unavailable {
    fn call(&self, _: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let closed = Failure::body(http::StatusCode::SERVICE_UNAVAILABLE, self.0.clone());
        Box::pin(std::future::ready(Err(closed)))
    }
}

/// Answers with 404 where no map matches the path (Rack's URLMap).
struct NotFound;

impl HostApp for NotFound {
    fn call(&self, request: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let text = format!("Not Found: {}\n", request.path_info());
        let mut response = HostResponse::text(http::StatusCode::NOT_FOUND, text);
        let pass = http::HeaderValue::from_static("pass");
        response.headers_mut().insert("x-cascade", pass);
        Box::pin(std::future::ready(Ok(response)))
    }
}
