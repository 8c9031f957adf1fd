//! Which server a request goes to.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

use stackup_plugin::{HeaderName, Request, header};

/// How to choose.
#[derive(Debug)]
pub(crate) enum Balance {
    /// One after the other.
    RoundRobin(AtomicUsize),
    /// The one with the fewest requests; of several, one after the other.
    LeastBusy(AtomicUsize),
    /// The same one for the same key.
    Hash(HashKey),
}

/// What requests have in common that go to the same server.
#[derive(Debug)]
pub(crate) enum HashKey {
    Client,
    Path,
    Header(HeaderName),
    Cookie(String),
}

/// A server that may be chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) works: bool,
    /// Whether this request has failed there.
    pub(crate) tried: bool,
    pub(crate) in_flight: usize,
}

impl Candidate {
    /// Better ones first.
    fn rank(self) -> u8 {
        match (self.works, self.tried) {
            (true, false) => 0,
            (false, false) => 1,
            (true, true) => 2,
            (false, true) => 3,
        }
    }
}

impl Balance {
    pub(crate) fn round_robin() -> Self {
        Self::RoundRobin(AtomicUsize::new(0))
    }

    pub(crate) fn least_busy() -> Self {
        Self::LeastBusy(AtomicUsize::new(0))
    }

    /// The index of the server for a request. There is at least one.
    pub(crate) fn choose(&self, candidates: &[Candidate], req: &Request) -> usize {
        let turn = match self {
            Self::RoundRobin(next) | Self::LeastBusy(next) => next.fetch_add(1, Ordering::Relaxed),
            Self::Hash(_) => 0,
        };
        let key = match self {
            Self::Hash(key) => key.of(req),
            _ => 0,
        };
        let best = candidates.iter().map(|candidate| candidate.rank()).min();
        let usable = candidates.iter().enumerate();
        let usable = usable.filter(|(_, candidate)| Some(candidate.rank()) == best);
        let chosen = match self {
            Self::RoundRobin(_) => {
                let count = usable.clone().count().max(1);
                usable.map(|(index, _)| index).nth(turn % count)
            }
            Self::LeastBusy(_) => {
                let count = candidates.len();
                let begin = turn % count.max(1);
                let order = |index: usize| (index + count - begin) % count;
                let fewest =
                    usable.min_by_key(|(index, candidate)| (candidate.in_flight, order(*index)));
                fewest.map(|(index, _)| index)
            }
            // The highest weight wins, so a server that goes takes only its own keys with it (rendezvous hashing).
            Self::Hash(_) => {
                let highest = usable.max_by_key(|(index, _)| weight(key, *index));
                highest.map(|(index, _)| index)
            }
        };
        chosen.unwrap_or_default()
    }
}

impl HashKey {
    fn of(&self, req: &Request) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Client => req
                .remote_addr()
                .map(|address| address.ip())
                .hash(&mut hasher),
            Self::Path => req.path().hash(&mut hasher),
            Self::Header(name) => {
                let value = req.headers().get(name.as_str());
                value
                    .map(|value| value.as_bytes().to_vec())
                    .hash(&mut hasher);
            }
            Self::Cookie(name) => cookie(req, name).hash(&mut hasher),
        }
        hasher.finish()
    }
}

/// The first cookie of this name (RFC 6265 §5.4).
fn cookie<'r>(req: &'r Request, name: &str) -> Option<&'r str> {
    let all = req.header(header::COOKIE)?.split(';');
    let mut pairs = all.filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn weight(key: u64, index: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, index).hash(&mut hasher);
    hasher.finish()
}
