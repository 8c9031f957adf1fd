//! Which map matches a request: the rule of Rack's URLMap.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stackup_plugin::abi::host::{HostRequest, Node, Router};

use super::location::{Location, requested_host};

/// A map: its location and its stack.
pub struct Branch {
    /// The requests that it matches.
    pub location: Location,
    /// Where they go.
    pub node: Node,
    /// The number of its level in the stack.
    pub level: u32,
}

/// The levels that a router sends requests between.
pub struct RouteLevels {
    own: u32,
    fallback: u32,
    /// Set when a request goes through that a handler has made.
    strays: Arc<AtomicBool>,
}

impl RouteLevels {
    /// The router is at level `own`; `fallback` is the level of what no branch matches.
    pub(super) fn new(own: u32, fallback: u32, strays: Arc<AtomicBool>) -> Self {
        Self {
            own,
            fallback,
            strays,
        }
    }

    /// The request goes to a branch or to the fallback.
    #[inline]
    fn enter(&self, request: &HostRequest, to: u32) {
        if !request.enter_level(self.own, to) {
            self.strays.store(true, Ordering::Relaxed);
        }
    }
}

/// Routes by host and path: those with a host first, then the longest path.
pub struct UrlMap {
    branches: Vec<Branch>,
    fallback: Node,
    /// None where levels are not told apart.
    levels: Option<RouteLevels>,
}

impl UrlMap {
    /// `fallback` gets the requests that no branch matches.
    pub fn new(mut branches: Vec<Branch>, fallback: Node, levels: Option<RouteLevels>) -> Self {
        branches.sort_by_key(|branch| branch.location.order());
        Self {
            branches,
            fallback,
            levels,
        }
    }
}

impl Router for UrlMap {
    fn route(&self, request: &mut HostRequest) -> &Node {
        let taken = {
            let host = requested_host(request.headers(), request.uri());
            let path = request.path_info();
            let mut branches = self.branches.iter();
            branches.find(|branch| branch.location.matches(host, path))
        };
        if let Some(levels) = &self.levels {
            levels.enter(
                request,
                taken.map_or(levels.fallback, |branch| branch.level),
            );
        }
        let Some(Branch { location, node, .. }) = taken else {
            return &self.fallback;
        };
        // Both are canonical: the location is the beginning of the path, byte for byte.
        request.shift_path_info(location.len());
        node
    }
}
