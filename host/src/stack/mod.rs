//! `use`, `map` and `run` as one immutable stack, built inside out.
//!
//! Knows neither sockets nor files.

mod diff;
mod outline;
mod url_map;

use std::pin::Pin;
use std::sync::Arc;

use stackup_plugin::abi::host::{Answer, Handler, HostRequest, HostResponse, Node, Outcome};

use crate::manifest::{Directive, Level};

pub use self::diff::{Change, Mark, diff};
pub use self::outline::{Line, Outline, Piece};
pub use self::url_map::{Location, UrlMap};

/// A stack that answers requests.
pub struct Stack {
    /// Where a request enters.
    pub root: Node,
    /// What it is made of.
    pub outline: Outline,
}

/// What stands behind a directive.
pub struct Mounted {
    /// The instance.
    pub handler: Arc<Handler>,
    /// What people read of it.
    pub piece: Piece,
}

/// Finds the handler of a directive.
pub type Mount<'a> = dyn FnMut(&Directive) -> Option<Mounted> + 'a;

impl Stack {
    /// Builds the stack of a manifest's top level. `mount` finds the handler of each directive and
    /// is asked for all of them, outermost first, even after it had none for one; then there is no
    /// stack.
    pub fn build(level: &Level, mount: &mut Mount<'_>) -> Option<Self> {
        let mut outline = Outline::default();
        let root = build_level(level, 0, mount, &mut outline)?;
        Some(Self { root, outline })
    }
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack")
            .field("outline", &self.outline)
            .finish_non_exhaustive()
    }
}

fn build_level(
    level: &Level,
    depth: usize,
    mount: &mut Mount<'_>,
    outline: &mut Outline,
) -> Option<Node> {
    let mut uses = Vec::new();
    for directive in &level.uses {
        uses.push(mount(directive).map(|mounted| {
            outline.push(depth, Line::Use(mounted.piece));
            mounted.handler
        }));
    }
    let mut maps = Vec::new();
    for map in &level.maps {
        outline.push(
            depth,
            Line::Map {
                path: map.path.clone(),
                host: map.host.clone(),
            },
        );
        let node = build_level(&map.level, depth + 1, mount, outline);
        maps.push(node.map(|node| (Location::new(&map.path, map.host.as_deref()), node)));
    }
    let run = level.run.as_ref().map(|directive| {
        mount(directive).map(|mounted| {
            outline.push(depth, Line::Run(mounted.piece));
            Node::Layer {
                handler: mounted.handler,
                next: None,
            }
        })
    });
    // Only now: every directive has been mounted, or has had its say why not.
    let uses = uses.into_iter().collect::<Option<Vec<_>>>()?;
    let maps = maps.into_iter().collect::<Option<Vec<_>>>()?;
    let inner = match run {
        Some(app) if maps.is_empty() => app?,
        Some(app) => Node::Route(Box::new(UrlMap::new(maps, app?))),
        None => Node::Route(Box::new(UrlMap::new(
            maps,
            Node::Answer(Box::new(NotFound)),
        ))),
    };
    Some(
        uses.into_iter()
            .rev()
            .fold(inner, |next, handler| Node::Layer {
                handler,
                next: Some(Box::new(next)),
            }),
    )
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
