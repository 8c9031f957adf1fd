//! A level: the `use`, `map`, `cascade` and `run` that are written side by side.

use stackup_plugin::path::PathPrefix;

use super::{Directive, MapLimits, Span};

/// A level of the stack: the top, the inside of a map, or a branch of a cascade.
///
/// Holds only what applies in this environment. Has a `run`, a cascade or at least one map, unless it stands around a service.
#[derive(Clone, Debug, Default)]
pub struct Level {
    /// The middleware, outermost first. It wraps both the maps and the app.
    pub uses: Vec<Directive>,
    /// The maps, in written order.
    pub maps: Vec<Map>,
    /// Instead of `run`: the stacks to try in turn.
    pub cascade: Option<Vec<CascadeBranch>>,
    /// The app for requests that no map matches.
    pub run: Option<Directive>,
    /// Whether the app is a service of the program around the stack.
    pub wraps: bool,
    /// Why the app is missing, if it is: requests for it get 503.
    pub closed: Option<String>,
}

/// A branch of a cascade.
#[derive(Clone, Debug)]
pub struct CascadeBranch {
    /// Statuses at which the next branch is tried instead.
    pub catch: Vec<u16>,
    /// Its header, its inline table or its string.
    pub span: Span,
    /// What it holds.
    pub level: Level,
}

/// A stack for the requests below a path.
#[derive(Clone, Debug)]
pub struct Map {
    /// What it matches.
    pub path: PathPrefix,
    /// `name` or `name:port` in lower case; `None` for every host.
    pub host: Option<String>,
    /// The limits of requests that it matches, where they differ from those around it.
    pub limits: MapLimits,
    /// The map's header or its inline table.
    pub span: Span,
    /// What the map holds.
    pub level: Level,
}
