//! From a manifest's level to nodes, inside out.

use std::sync::Arc;

use stackup_plugin::abi::host::{Handler, Node, OnFailure};

use super::cascade::Cascade;
use super::url_map::{Location, UrlMap};
use super::watched::Watched;
use super::{Closed, NotFound, Stack};
use crate::develop::lint::Culprit;
use crate::load::manifest::{self, CascadeBranch, Directive, Level, Map};
use crate::serve::trace::Seat;

/// Builds one stack.
pub(super) struct Builder<'a> {
    mount: &'a mut dyn FnMut(&Directive) -> Option<Arc<Handler>>,
    /// Where the layers sit so far; none in a stack that is not watched.
    seats: Option<Vec<Arc<Seat>>>,
}

/// A handler that is mounted, and the seat that it has where the stack is watched.
type Mounted = (Arc<Handler>, Option<Arc<Seat>>);

impl<'a> Builder<'a> {
    pub(super) fn build(
        level: &Level,
        mount: &'a mut dyn FnMut(&Directive) -> Option<Arc<Handler>>,
        watched: bool,
    ) -> Option<Stack> {
        let seats = watched.then(Vec::new);
        let mut builder = Self { mount, seats };
        let root = builder.level(level)?;
        Some(Stack {
            root,
            seats: builder.seats.unwrap_or_default(),
        })
    }

    fn level(&mut self, level: &Level) -> Option<Node> {
        // Every directive is mounted, or has its say why not, before any is given up.
        let uses: Vec<_> = level
            .uses
            .iter()
            .map(|directive| Some((self.mount(directive)?, instead(directive))))
            .collect();
        let maps: Vec<_> = level.maps.iter().map(|map| self.map(map)).collect();
        let tried = level.cascade.iter().flatten();
        let tried: Vec<_> = tried.map(|tried| self.tried(tried)).collect();
        let run = level.run.as_ref().map(|directive| self.mount(directive));
        let maps = maps.into_iter().collect::<Option<Vec<_>>>()?;
        let tried = tried.into_iter().collect::<Option<Vec<_>>>()?;
        let bottom = match (run, &level.closed) {
            (Some(mounted), _) => layer(mounted?, None, OnFailure::FailClosed),
            (None, Some(reason)) => Node::Answer(Box::new(Closed(reason.clone()))),
            (None, None) if level.cascade.is_some() => Node::Answer(Box::new(Cascade::new(tried))),
            (None, None) => Node::Answer(Box::new(NotFound)),
        };
        let inner = match maps.is_empty() {
            true => bottom,
            false => Node::Route(Box::new(UrlMap::new(maps, bottom))),
        };
        let uses = uses.into_iter().collect::<Option<Vec<_>>>()?;
        let wrap = |next, (mounted, on_failure)| layer(mounted, Some(Box::new(next)), on_failure);
        Some(uses.into_iter().rev().fold(inner, wrap))
    }

    fn map(&mut self, map: &Map) -> Option<(Location, Node)> {
        let location = Location::new(&map.path, map.host.as_deref());
        Some((location, self.level(&map.level)?))
    }

    fn tried(&mut self, tried: &CascadeBranch) -> Option<(Node, Vec<u16>)> {
        Some((self.level(&tried.level)?, tried.catch.clone()))
    }

    fn mount(&mut self, directive: &Directive) -> Option<Mounted> {
        let handler = (self.mount)(directive)?;
        let seat = self.seats.as_mut().map(|seats| {
            let name = handler.context().handler.clone();
            let seat = Arc::new(Seat::new(seats.len(), name, directive.config.clone()));
            seats.push(Arc::clone(&seat));
            seat
        });
        Some((handler, seat))
    }
}

fn layer((handler, seat): Mounted, next: Option<Box<Node>>, on_failure: OnFailure) -> Node {
    let context = handler.context();
    let layer = Node::Layer {
        handler,
        next,
        on_failure,
    };
    match seat {
        Some(seat) => {
            let culprit = Culprit::new(&context.handler, &context.fingerprint);
            Node::Answer(Box::new(Watched::new(layer, seat, culprit)))
        }
        None => layer,
    }
}

fn instead(directive: &Directive) -> OnFailure {
    match directive.on_failure {
        manifest::OnFailure::FailClosed => OnFailure::FailClosed,
        manifest::OnFailure::Bypass => OnFailure::Bypass,
    }
}
