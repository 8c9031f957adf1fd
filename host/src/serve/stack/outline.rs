//! A stack as it is shown to people: a tree of its handlers.

use std::fmt;

use serde_json::{Map, Value};

use crate::load::manifest::{Config, Directive, Level, MapLimits, OnFailure};

/// A handler in a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineHandler {
    /// `plugin` or `plugin#handler`, as in the manifest.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// The first digits of the library's fingerprint.
    pub fingerprint: String,
    /// Its config.
    pub config: Config,
    /// Its config as it is shown.
    pub shown: Map<String, Value>,
    /// What happens while it is out of service.
    pub on_failure: OnFailure,
}

/// One line of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A middleware.
    Use(OutlineHandler),
    /// A map; the lines below it are deeper.
    Map {
        /// Empty for `/`.
        path: String,
        /// The host that it matches.
        host: Option<String>,
        /// Its own limits, as they are shown.
        limits: MapLimits,
    },
    /// A branch of a cascade; the lines below it are deeper.
    Tried {
        /// The statuses that lead to the next branch.
        catch: Vec<u16>,
    },
    /// An app.
    Run(OutlineHandler),
    /// A part of the stack that may not serve, and why.
    Closed(String),
}

/// The lines of a stack, outermost first, each with its depth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// Depth and line.
    pub lines: Vec<(usize, Line)>,
}

impl Outline {
    /// The outline of a manifest's top level; `piece` returns the handler of a directive. It is called in the order of
    /// [`directives`](super::directives).
    pub fn of(level: &Level, piece: &mut dyn FnMut(&Directive) -> OutlineHandler) -> Self {
        let mut outline = Self::default();
        outline.add(level, 0, piece);
        outline
    }

    fn add(
        &mut self,
        level: &Level,
        depth: usize,
        piece: &mut dyn FnMut(&Directive) -> OutlineHandler,
    ) {
        for directive in &level.uses {
            self.lines.push((depth, Line::Use(piece(directive))));
        }
        for map in &level.maps {
            let (path, host) = (map.path.as_str().to_owned(), map.host.clone());
            let limits = map.limits;
            self.lines.push((depth, Line::Map { path, host, limits }));
            self.add(&map.level, depth + 1, piece);
        }
        for tried in level.cascade.iter().flatten() {
            let catch = tried.catch.clone();
            self.lines.push((depth, Line::Tried { catch }));
            self.add(&tried.level, depth + 1, piece);
        }
        if let Some(directive) = &level.run {
            self.lines.push((depth, Line::Run(piece(directive))));
        }
        if let Some(reason) = &level.closed {
            self.lines.push((depth, Line::Closed(reason.clone())));
        }
    }

    /// The handlers alone.
    pub fn handlers(&self) -> impl Iterator<Item = &OutlineHandler> {
        self.lines.iter().filter_map(|(_, line)| line.piece())
    }
}

impl Line {
    /// The handler of a `use` or `run`.
    pub fn piece(&self) -> Option<&OutlineHandler> {
        match self {
            Self::Use(piece) | Self::Run(piece) => Some(piece),
            Self::Map { .. } | Self::Tried { .. } | Self::Closed(_) => None,
        }
    }

    /// The directive as it would be written, without its config.
    pub fn label(&self) -> String {
        match self {
            Self::Use(piece) => format!("use {}", piece.name),
            Self::Run(piece) => format!("run {}", piece.name),
            Self::Map { path, host, .. } => {
                let path = if path.is_empty() { "/" } else { path };
                format!("map {}{path}", host.as_deref().unwrap_or_default())
            }
            Self::Tried { catch } => {
                let catch: Vec<_> = catch.iter().map(u16::to_string).collect();
                format!("cascade {}", catch.join(", "))
                    .trim_end()
                    .to_owned()
            }
            Self::Closed(reason) => format!("closed: {reason}"),
        }
    }
}

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |(depth, line): &(usize, Line)| 2 * depth + line.label().chars().count();
        let widest = self.lines.iter().map(width).max().unwrap_or_default();
        for (number, entry) in self.lines.iter().enumerate() {
            let (depth, line) = entry;
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{:indent$}{}", "", line.label(), indent = 2 * depth)?;
            if let Line::Map { limits, .. } = line
                && !limits.is_empty()
            {
                write!(f, "  limits {limits}")?;
            }
            if let Some(piece) = line.piece() {
                let gap = widest - width(entry) + 2;
                write!(f, "{:gap$}{} {}", "", piece.version, piece.fingerprint)?;
                if !piece.shown.is_empty() {
                    write!(f, "  {}", Value::Object(piece.shown.clone()))?;
                }
                if piece.on_failure == OnFailure::Bypass {
                    f.write_str("  bypassed on failure")?;
                }
            }
        }
        Ok(())
    }
}
