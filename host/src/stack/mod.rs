//! `use`, `map` and `run` as one immutable stack, built inside out.
//!
//! Knows neither sockets nor files.

mod cascade;
mod diff;
mod outline;
mod url_map;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use stackup_plugin::abi::host::{
    Answer, Failure, Handler, HostRequest, HostResponse, Node, OnFailure, Outcome,
};

use self::cascade::Cascade;
use crate::manifest::{self, Directive, Level};

pub use self::diff::{Change, Mark, diff};
pub use self::outline::{Line, Outline, Piece};
pub use self::url_map::{Location, UrlMap};

/// A stack that answers requests.
pub struct Stack {
    /// Where a request enters.
    pub root: Node,
}

impl Stack {
    /// Builds the stack of a manifest's top level. `mount` gives the handler of each directive, in
    /// the order of [`directives`], even after it had none for one; then there is no stack.
    pub fn build(
        level: &Level,
        mount: &mut dyn FnMut(&Directive) -> Option<Arc<Handler>>,
    ) -> Option<Self> {
        build_level(level, mount).map(|root| Self { root })
    }

    /// What answers before there is a stack: 503, and why.
    pub fn standing_in(reason: String) -> Self {
        Self {
            root: Node::Answer(Box::new(StandIn(reason))),
        }
    }

    /// What is left when the last stack has ended: no handlers.
    pub fn closed() -> Self {
        let reason = "the server has ended".to_owned();
        Self {
            root: Node::Answer(Box::new(Closed(reason))),
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

fn build_level(
    level: &Level,
    mount: &mut dyn FnMut(&Directive) -> Option<Arc<Handler>>,
) -> Option<Node> {
    // Every directive is mounted, or has its say why not, before any is given up.
    let uses: Vec<_> = level
        .uses
        .iter()
        .map(|directive| Some((mount(directive)?, instead(directive))))
        .collect();
    let maps: Vec<_> = level
        .maps
        .iter()
        .map(|map| {
            Some((
                Location::new(&map.path, map.host.as_deref()),
                build_level(&map.level, mount)?,
            ))
        })
        .collect();
    let tried = level.cascade.iter().flatten();
    let tried: Vec<_> = tried
        .map(|tried| Some((build_level(&tried.level, mount)?, tried.catch.clone())))
        .collect();
    let run = level.run.as_ref().map(&mut *mount);
    let app = |handler| Node::Layer {
        handler,
        next: None,
        on_failure: OnFailure::FailClosed,
    };
    let maps = maps.into_iter().collect::<Option<Vec<_>>>()?;
    let tried = tried.into_iter().collect::<Option<Vec<_>>>()?;
    let bottom = match (run, &level.closed) {
        (Some(handler), _) => app(handler?),
        (None, Some(reason)) => Node::Answer(Box::new(Closed(reason.clone()))),
        (None, None) if level.cascade.is_some() => Node::Answer(Box::new(Cascade::new(tried))),
        (None, None) => Node::Answer(Box::new(NotFound)),
    };
    let inner = match maps.is_empty() {
        true => bottom,
        false => Node::Route(Box::new(UrlMap::new(maps, bottom))),
    };
    let uses = uses.into_iter().collect::<Option<Vec<_>>>()?;
    let wrap = |next, (handler, on_failure)| Node::Layer {
        handler,
        next: Some(Box::new(next)),
        on_failure,
    };
    Some(uses.into_iter().rev().fold(inner, wrap))
}

/// The answer before there is a stack. No failure: that would be told in the log for each request.
struct StandIn(String);

impl Answer for StandIn {
    fn answer(&self, _: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let response = HostResponse::text(http::StatusCode::SERVICE_UNAVAILABLE, self.0.clone());
        Box::pin(std::future::ready(Ok(response)))
    }
}

/// The answer in place of what may not serve.
struct Closed(String);

impl Answer for Closed {
    fn answer(&self, _: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let closed = Failure::body(http::StatusCode::SERVICE_UNAVAILABLE, self.0.clone());
        Box::pin(std::future::ready(Err(closed)))
    }
}

fn instead(directive: &Directive) -> OnFailure {
    match directive.on_failure {
        manifest::OnFailure::FailClosed => OnFailure::FailClosed,
        manifest::OnFailure::Bypass => OnFailure::Bypass,
    }
}

/// The answer where no map takes the path (Rack's URLMap).
struct NotFound;

impl Answer for NotFound {
    fn answer(&self, request: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let text = format!("Not Found: {}\n", request.path_info());
        let mut response = HostResponse::text(http::StatusCode::NOT_FOUND, text);
        let pass = http::HeaderValue::from_static("pass");
        response.headers_mut().insert("x-cascade", pass);
        Box::pin(std::future::ready(Ok(response)))
    }
}
