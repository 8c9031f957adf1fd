//! From a manifest's level to nodes, inside out.

use std::sync::Arc;

use stackup_plugin::abi::host::{Handler, Node, OnFailure};

use super::cascade::Cascade;
use super::url_map::{Location, UrlMap};
use super::{LayerSlot, Mounted, NotFound, Stack, Unavailable};
use crate::load::manifest::{self, CascadeBranch, Directive, Level, Map};
use crate::serve::observe::ObserveLayers;

/// Builds one stack.
pub(super) struct Builder<'a> {
    mount: &'a mut dyn FnMut(&Directive) -> Option<Mounted>,
    /// Observes the layers, if anything does.
    observer: Option<&'a dyn ObserveLayers>,
    /// The slots of the observed layers so far.
    slots: Vec<Arc<LayerSlot>>,
}

/// A mounted handler, and its slot if it is observed.
type MountedHandler = (Arc<Handler>, Option<Arc<LayerSlot>>);

impl<'a> Builder<'a> {
    pub(super) fn build(
        level: &Level,
        mount: &'a mut dyn FnMut(&Directive) -> Option<Mounted>,
        observer: Option<&'a dyn ObserveLayers>,
    ) -> Option<Stack> {
        let mut builder = Self {
            mount,
            observer,
            slots: Vec::new(),
        };
        let root = builder.level(level)?;
        Some(Stack {
            root,
            slots: builder.slots,
        })
    }

    fn level(&mut self, level: &Level) -> Option<Node> {
        // Mount every directive before giving up, so that all errors are reported.
        let uses: Vec<_> = level
            .uses
            .iter()
            .map(|directive| Some((self.mount(directive)?, on_failure_of(directive))))
            .collect();
        let maps: Vec<_> = level.maps.iter().map(|map| self.map(map)).collect();
        let tried = level.cascade.iter().flatten();
        let tried: Vec<_> = tried.map(|tried| self.tried(tried)).collect();
        let run = level.run.as_ref().map(|directive| self.mount(directive));
        let maps = maps.into_iter().collect::<Option<Vec<_>>>()?;
        let tried = tried.into_iter().collect::<Option<Vec<_>>>()?;
        let bottom = match (run, &level.closed) {
            (Some(mounted), _) => layer(self.observer, mounted?, None, OnFailure::FailClosed),
            (None, Some(reason)) => Node::HostApp(Box::new(Unavailable(reason.clone()))),
            (None, None) if level.cascade.is_some() => Node::HostApp(Box::new(Cascade::new(tried))),
            (None, None) => Node::HostApp(Box::new(NotFound)),
        };
        let inner = match maps.is_empty() {
            true => bottom,
            false => Node::Router(Box::new(UrlMap::new(maps, bottom))),
        };
        let uses = uses.into_iter().collect::<Option<Vec<_>>>()?;
        let observer = self.observer;
        let wrap = |next, (mounted, on_failure)| {
            layer(observer, mounted, Some(Box::new(next)), on_failure)
        };
        Some(uses.into_iter().rev().fold(inner, wrap))
    }

    fn map(&mut self, map: &Map) -> Option<(Location, Node)> {
        let location = Location::new(map.path.clone(), map.host.as_deref());
        Some((location, self.level(&map.level)?))
    }

    fn tried(&mut self, tried: &CascadeBranch) -> Option<(Node, Vec<u16>)> {
        Some((self.level(&tried.level)?, tried.catch.clone()))
    }

    fn mount(&mut self, directive: &Directive) -> Option<MountedHandler> {
        let (handler, shown) = (self.mount)(directive)?;
        let slot = self.observer.map(|_| {
            let name = handler.context().handler.clone();
            let position = self.slots.len();
            let slot = Arc::new(LayerSlot::new(position, name, shown));
            self.slots.push(Arc::clone(&slot));
            slot
        });
        Some((handler, slot))
    }
}

fn layer(
    observer: Option<&dyn ObserveLayers>,
    (handler, slot): MountedHandler,
    next: Option<Box<Node>>,
    on_failure: OnFailure,
) -> Node {
    let context = handler.context();
    let layer = Node::Layer {
        handler,
        next,
        on_failure,
    };
    match (observer, slot) {
        (Some(observer), Some(slot)) => observer.layer(layer, &slot, context),
        _ => layer,
    }
}

fn on_failure_of(directive: &Directive) -> OnFailure {
    match directive.on_failure {
        manifest::OnFailure::FailClosed => OnFailure::FailClosed,
        manifest::OnFailure::Bypass => OnFailure::Bypass,
    }
}
