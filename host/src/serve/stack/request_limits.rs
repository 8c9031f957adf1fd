//! The limits of a request, chosen by where it goes before any layer sees it.

use std::sync::Arc;
use std::time::Duration;

use http::Request;

use super::location::{Location, requested_host};
use crate::load::manifest::{Level, Limits, Manifest, Map, MapLimits};

/// The limits of requests: those of `[limits]`, and those of maps.
#[derive(Debug)]
pub struct LimitsByLocation {
    server: RequestLimits,
    /// Empty if no map has limits.
    maps: Vec<MapEntry>,
}

/// What limits one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Size of its body, in bytes.
    pub body_bytes: RequestLimit<u64>,
    /// Time for which the client may send nothing of a body that is being read.
    pub body_timeout: RequestLimit<Duration>,
    /// Time for which the client may take nothing of the response.
    pub send_timeout: RequestLimit<Duration>,
    /// Time for the stack to answer.
    pub request_timeout: RequestLimit<Duration>,
}

/// A limit, and where the manifest sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLimit<T> {
    /// None is off.
    pub value: Option<T>,
    /// The map that sets it; none is `[limits]`.
    map: Option<Arc<str>>,
}

/// A map, with what its requests get.
#[derive(Debug)]
struct MapEntry {
    location: Location,
    limits: RequestLimits,
    /// The maps in it; empty if none of them has limits.
    maps: Vec<MapEntry>,
}

impl LimitsByLocation {
    /// The limits that a manifest sets.
    pub fn of(manifest: &Manifest) -> Self {
        let server = RequestLimits::of_server(&manifest.limits);
        let maps = entries(&manifest.stack, &server, "");
        Self { server, maps }
    }

    /// The limits of a request whose path is in canonical form: those of the map that it gets to if no layer changes it.
    #[inline]
    pub fn get<B>(&self, request: &Request<B>) -> &RequestLimits {
        if self.maps.is_empty() {
            return &self.server;
        }
        let host = requested_host(request.headers(), request.uri());
        self.find(host, request.uri().path())
    }

    fn find(&self, host: Option<&str>, path: &str) -> &RequestLimits {
        let (mut maps, mut path, mut limits) = (&self.maps, path, &self.server);
        while let Some(entry) = maps.iter().find(|it| it.location.matches(host, path)) {
            path = path.get(entry.location.len()..).unwrap_or_default();
            (maps, limits) = (&entry.maps, &entry.limits);
        }
        limits
    }
}

/// The maps of a level below the path `below`, those that match first in front; none if there are no limits in them.
fn entries(level: &Level, around: &RequestLimits, below: &str) -> Vec<MapEntry> {
    if !has_limits(level) {
        return Vec::new();
    }
    let entry = |map: &Map| {
        let place = format!("{below}{}", map.path.as_str());
        let limits = around.within(&map.limits, map.host.as_deref(), &place);
        MapEntry {
            location: Location::new(map.path.clone(), map.host.as_deref()),
            maps: entries(&map.level, &limits, &place),
            limits,
        }
    };
    // A map without limits is here as well: its requests don't get to another one.
    let mut entries: Vec<_> = level.maps.iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.location.order());
    entries
}

fn has_limits(level: &Level) -> bool {
    let mut maps = level.maps.iter();
    maps.any(|map| !map.limits.is_empty() || has_limits(&map.level))
}

impl RequestLimits {
    fn of_server(limits: &Limits) -> Self {
        Self {
            body_bytes: RequestLimit::of_server(limits.body_bytes),
            body_timeout: RequestLimit::of_server(limits.body_timeout),
            send_timeout: RequestLimit::of_server(limits.send_timeout),
            request_timeout: RequestLimit::of_server(limits.request_timeout),
        }
    }

    /// Those of a map within these.
    fn within(&self, own: &MapLimits, host: Option<&str>, path: &str) -> Self {
        let path = if path.is_empty() { "/" } else { path };
        let map: Arc<str> = format!("{}{path}", host.unwrap_or_default()).into();
        Self {
            body_bytes: self.body_bytes.within(own.body_bytes, &map),
            body_timeout: self.body_timeout.within(own.body_timeout, &map),
            send_timeout: self.send_timeout.within(own.send_timeout, &map),
            request_timeout: self.request_timeout.within(own.request_timeout, &map),
        }
    }
}

impl<T: Copy> RequestLimit<T> {
    /// As `[limits]` sets it.
    pub fn of_server(value: Option<T>) -> Self {
        Self { value, map: None }
    }

    fn within(&self, own: Option<Option<T>>, map: &Arc<str>) -> Self {
        match own {
            Some(value) => Self {
                value,
                map: Some(Arc::clone(map)),
            },
            None => self.clone(),
        }
    }

    /// Where the manifest sets it, as `key`: for messages.
    pub fn place(&self, key: &str) -> String {
        match &self.map {
            Some(map) => format!("`{key}` in `limits` of the map `{map}`"),
            None => format!("`[limits] {key}`"),
        }
    }
}

#[cfg(test)]
#[path = "request_limits_tests.rs"]
mod tests;
