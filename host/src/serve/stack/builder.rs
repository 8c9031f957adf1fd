//! From a manifest's level to nodes, inside out.

use std::ops::Range;
use std::sync::Arc;

use stackup_plugin::abi::host::{Below, CallMeter, Handler, HolderSlot, Node, OnFailure};

use super::cascade::Cascade;
use super::levels::Levels;
use super::metering::{Metering, Meters, measured};
use super::url_map::{Branch, RouteLevels, UrlMap};
use super::wrapped::Wrapped;
use super::{LayerSlot, Location, Mounted, NotFound, Stack, Unavailable};
use crate::load::manifest::{self, CascadeBranch, Directive, Level, Map};
use crate::serve::observe::ObserveLayers;

/// Builds one stack.
pub(super) struct Builder<'a> {
    mount: &'a mut dyn FnMut(&Directive) -> Option<Mounted>,
    /// Observes the layers, if anything does.
    observer: Option<&'a dyn ObserveLayers>,
    meters: Meters<'a>,
    /// The slots of the observed layers so far.
    slots: Vec<Arc<LayerSlot>>,
    /// Shared by all nodes.
    holder: HolderSlot,
    levels: Levels,
    /// The number of directives so far.
    mounted: usize,
}

/// Where a level stands.
#[derive(Clone)]
struct Place {
    /// Its number; none in a cascade, whose branches are not told apart.
    level: Option<u32>,
    /// The positions of the layers around it.
    around: Vec<usize>,
    /// The maps and branches around it, as a metric names them.
    name: String,
}

/// A mounted handler.
struct MountedHandler {
    handler: Arc<Handler>,
    /// Its slot, if it is observed.
    slot: Option<Arc<LayerSlot>>,
    /// What measures it, if anything does.
    meter: Option<Arc<dyn CallMeter>>,
}

impl<'a> Builder<'a> {
    pub(super) fn build(
        level: &Level,
        mount: &'a mut dyn FnMut(&Directive) -> Option<Mounted>,
        observer: Option<&'a dyn ObserveLayers>,
        metering: Option<&'a Metering>,
    ) -> Option<Stack> {
        let mut builder = Self {
            mount,
            observer,
            meters: Meters::new(metering),
            slots: Vec::new(),
            holder: HolderSlot::default(),
            levels: Levels::default(),
            mounted: 0,
        };
        let top = Place {
            level: Some(builder.levels.add()),
            around: Vec::new(),
            name: String::new(),
        };
        let root = builder.level(level, &top)?;
        let root = builder.meters.root(root);
        Some(Stack {
            root,
            slots: builder.slots,
            holder: builder.holder,
            levels: Arc::new(builder.levels),
        })
    }

    fn level(&mut self, level: &Level, place: &Place) -> Option<Node> {
        let first = self.mounted;
        // Mount every directive before giving up, so that all errors are reported.
        let uses: Vec<_> = level
            .uses
            .iter()
            .map(|directive| {
                let mounted = self.mount(directive, place, "use")?;
                Some((mounted, on_failure_of(directive)))
            })
            .collect();
        let mut inside = place.clone();
        inside.around.extend(first..self.mounted);
        let maps: Vec<_> = level
            .maps
            .iter()
            .map(|map| self.map(map, &inside))
            .collect();
        let bottom = self.mounted;
        let tried = level.cascade.iter().flatten();
        let tried = tried.enumerate();
        let tried: Vec<_> = tried
            .map(|(index, tried)| self.tried(tried, place, index + 1))
            .collect();
        let run = level.run.as_ref();
        let run = run.map(|directive| self.mount(directive, place, "run"));
        self.reaches(place.level, &place.around, first..self.mounted);
        let maps = maps.into_iter().collect::<Option<Vec<_>>>()?;
        let tried = tried.into_iter().collect::<Option<Vec<_>>>()?;
        let fallback = match (run, &level.closed) {
            (Some(mounted), _) => layer(self.observer, mounted?, None, OnFailure::FailClosed),
            (None, Some(reason)) => Node::HostApp(Box::new(Unavailable(reason.clone()))),
            (None, None) if level.cascade.is_some() => Node::HostApp(Box::new(Cascade::new(tried))),
            (None, None) if level.wraps => Node::HostApp(Box::new(Wrapped)),
            (None, None) => Node::HostApp(Box::new(NotFound)),
        };
        let inner = match maps.is_empty() {
            true => fallback,
            false => {
                let levels = place.level.map(|own| {
                    let level = self.levels.add();
                    self.reaches(Some(level), &inside.around, bottom..self.mounted);
                    RouteLevels::new(own, level, self.levels.strays())
                });
                Node::Router(Box::new(UrlMap::new(maps, fallback, levels)))
            }
        };
        let uses = uses.into_iter().collect::<Option<Vec<_>>>()?;
        let observer = self.observer;
        let wrap = |node, (mounted, on_failure)| {
            let holder = self.holder.clone();
            let below = Box::new(Below { node, holder });
            layer(observer, mounted, Some(below), on_failure)
        };
        Some(uses.into_iter().rev().fold(inner, wrap))
    }

    /// From `level` a request reaches the layers around it and these positions.
    fn reaches(&mut self, level: Option<u32>, around: &[usize], own: Range<usize>) {
        if let Some(level) = level {
            let reach = around.iter().copied().chain(own).collect();
            self.levels.set_reach(level, reach);
        }
    }

    fn map(&mut self, map: &Map, around: &Place) -> Option<Branch> {
        let place = Place {
            level: around.level.map(|_| self.levels.add()),
            around: around.around.clone(),
            name: format!(
                "{}map {}{} > ",
                around.name,
                map.host.as_deref().unwrap_or_default(),
                map_path(map.path.as_str()),
            ),
        };
        Some(Branch {
            location: Location::new(map.path.clone(), map.host.as_deref()),
            node: self.level(&map.level, &place)?,
            level: place.level.unwrap_or_default(),
        })
    }

    fn tried(
        &mut self,
        tried: &CascadeBranch,
        around: &Place,
        number: usize,
    ) -> Option<(Node, Vec<u16>)> {
        let place = Place {
            level: None,
            around: Vec::new(),
            name: format!("{}cascade {number} > ", around.name),
        };
        Some((self.level(&tried.level, &place)?, tried.catch.clone()))
    }

    fn mount(
        &mut self,
        directive: &Directive,
        place: &Place,
        word: &str,
    ) -> Option<MountedHandler> {
        self.mounted += 1;
        let (handler, shown) = (self.mount)(directive)?;
        let slot = self.observer.map(|_| {
            let name = handler.context().handler.clone();
            let position = self.slots.len();
            let slot = Arc::new(LayerSlot::new(position, name, shown));
            self.slots.push(Arc::clone(&slot));
            slot
        });
        let name = &handler.context().handler;
        let meter = self.meters.layer(&place.name, word, name);
        Some(MountedHandler {
            handler,
            slot,
            meter,
        })
    }
}

fn layer(
    observer: Option<&dyn ObserveLayers>,
    mounted: MountedHandler,
    next: Option<Box<Below>>,
    on_failure: OnFailure,
) -> Node {
    let MountedHandler {
        handler,
        slot,
        meter,
    } = mounted;
    let context = handler.context();
    let layer = Node::Layer {
        handler,
        next,
        on_failure,
    };
    let layer = measured(layer, meter);
    match (observer, slot) {
        (Some(observer), Some(slot)) => observer.layer(layer, &slot, context),
        _ => layer,
    }
}

/// The path of a map as it is shown: that of `/` is empty.
fn map_path(path: &str) -> &str {
    match path {
        "" => "/",
        path => path,
    }
}

fn on_failure_of(directive: &Directive) -> OnFailure {
    match directive.on_failure {
        manifest::OnFailure::FailClosed => OnFailure::FailClosed,
        manifest::OnFailure::Bypass => OnFailure::Bypass,
    }
}
