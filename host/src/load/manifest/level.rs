//! The `use`, `map` and `run` that stand beside each other.

use super::{Directive, Span};

/// One level of the stack: the top one, the inside of a map, or one of a cascade.
///
/// Holds what applies in this environment only; has a `run`, a cascade or at least one map.
#[derive(Clone, Debug, Default)]
pub struct Level {
    /// The middleware, outermost first. They are around the maps and the app alike.
    pub uses: Vec<Directive>,
    /// The maps, in the order of the text.
    pub maps: Vec<Map>,
    /// In place of `run`, the stacks that are asked one after the other.
    pub cascade: Option<Vec<CascadeBranch>>,
    /// The app for what no map takes.
    pub run: Option<Directive>,
    /// Why there is no app where one should be: its place answers with 503.
    pub closed: Option<String>,
}

/// One stack of a cascade.
#[derive(Clone, Debug)]
pub struct CascadeBranch {
    /// With one of these statuses, the next one is asked in its place.
    pub catch: Vec<u16>,
    /// Its header, its inline table or its string.
    pub span: Span,
    /// What it holds.
    pub level: Level,
}

/// A part of the stack for the requests below one path.
#[derive(Clone, Debug)]
pub struct Map {
    /// The prefix, without a slash at its end; empty for `/`, so it can be put before a path.
    pub path: String,
    /// `name` or `name:port` in lower case; `None` for every host.
    pub host: Option<String>,
    /// The map's header or its inline table.
    pub span: Span,
    /// What the map holds.
    pub level: Level,
}
