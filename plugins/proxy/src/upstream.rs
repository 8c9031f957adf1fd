//! The servers, and which of them are there.

use std::fmt;
use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use authority::Authority;
use stackup_plugin::{Bytes, Fetch, Fetching, Request, tracing};

use crate::balance::{Balance, Candidate};
use crate::health::{Health, Rule};

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// `http://` or `https://` with host and port; for a unix socket only what `host` says.
    pub(crate) origin: String,
    /// What comes before the request's path: empty, or `/…` without a slash at its end.
    pub(crate) prefix: String,
    pub(crate) socket: Option<PathBuf>,
}

impl Address {
    /// Reads `http://host:port/prefix`, the same with `https`, or `unix:/path`. A relative path of a socket begins in `folder`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn parse(text: &str, folder: &Path) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() {
                return Err("the path of the socket is missing");
            }
            return Ok(Self {
                origin: "http://localhost".to_owned(),
                prefix: String::new(),
                socket: Some(folder.join(path)),
            });
        }
        let schemes = ["http://", "https://"];
        let found = (schemes.iter()).find_map(|scheme| Some((scheme, text.strip_prefix(scheme)?)));
        let Some((scheme, rest)) = found else {
            return Err("it begins with none of `http://`, `https://` and `unix:`");
        };
        let (authority, prefix) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err("a name and a password belong in a header: put `headers` above");
        }
        if Authority::parse(authority).is_none() || authority.ends_with(':') {
            return Err("it has no valid host and port");
        }
        if prefix.contains(['?', '#']) {
            return Err("a path has neither a query nor a fragment");
        }
        Ok(Self {
            origin: format!("{scheme}{authority}"),
            prefix: prefix.trim_end_matches('/').to_owned(),
            socket: None,
        })
    }
}

impl Address {
    /// Whether it is reached by TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.origin.starts_with("https:")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(socket) => write!(f, "unix:{}", socket.display()),
            None => write!(f, "{}{}", self.origin, self.prefix),
        }
    }
}

/// A server and what is known of it.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: Address,
    health: Health,
    in_flight: AtomicUsize,
}

/// All servers.
#[derive(Debug)]
pub(crate) struct Upstreams {
    all: Vec<Arc<Upstream>>,
    balance: Balance,
    rule: Rule,
    /// The certificates to trust in place of the platform's, as PEM.
    ca: Option<Bytes>,
    origin: Instant,
}

/// A request to a server. Counts until it drops.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Upstream>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Upstreams {
    pub(crate) fn new(
        addresses: Vec<Address>,
        balance: Balance,
        rule: Rule,
        ca: Option<Bytes>,
    ) -> Self {
        let upstream = |address| {
            Arc::new(Upstream {
                address,
                health: Health::default(),
                in_flight: AtomicUsize::new(0),
            })
        };
        Self {
            all: addresses.into_iter().map(upstream).collect(),
            balance,
            rule,
            ca,
            origin: Instant::now(),
        }
    }

    pub(crate) fn all(&self) -> &[Arc<Upstream>] {
        &self.all
    }

    /// The server for a request; another one than `before`, where there is one that works. If none works, any may be asked: it
    /// may work again.
    pub(crate) fn choose(&self, req: &Request, before: Option<&Arc<Upstream>>) -> Arc<Upstream> {
        if let [only] = &self.all[..] {
            return Arc::clone(only);
        }
        let mut now = None;
        let candidates = self.all.iter().map(|upstream| Candidate {
            works: upstream
                .health
                .works(|| *now.get_or_insert_with(|| self.now())),
            tried: before.is_some_and(|before| Arc::ptr_eq(before, upstream)),
            in_flight: upstream.in_flight.load(Ordering::Relaxed),
        });
        let candidates: Vec<_> = candidates.collect();
        let index = self.balance.choose(&candidates, req);
        Arc::clone(self.all.get(index).unwrap_or(&self.all[0]))
    }

    /// Sends a request to this server.
    pub(crate) fn reach(&self, upstream: &Upstream, fetch: Fetch) -> Fetching {
        let address = &upstream.address;
        let fetch = match (&address.socket, &self.ca) {
            (Some(socket), _) => fetch.unix(socket),
            (None, Some(ca)) if address.is_tls() => fetch.trust(ca.clone()),
            (None, _) => fetch,
        };
        fetch.into_future()
    }

    /// Whether requests in flight have to be counted until their end.
    pub(crate) fn counts(&self) -> bool {
        self.all.len() > 1 && matches!(self.balance, Balance::LeastBusy(_))
    }

    /// Counts a request to this server.
    pub(crate) fn enter(upstream: &Arc<Upstream>) -> InFlight {
        upstream.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(upstream))
    }

    /// A server has answered.
    pub(crate) fn answered(&self, upstream: &Upstream) {
        if upstream.health.succeed() {
            tracing::info!("{} works again", upstream.address);
        }
    }

    /// A server has failed.
    pub(crate) fn failed(&self, upstream: &Upstream, why: &str) {
        if upstream.health.fail(&self.rule, self.now()) {
            let (address, time) = (&upstream.address, self.rule.cool_down);
            // The reason may begin with it, too.
            let named = format!("{address}: ");
            let why = why.strip_prefix(&named).unwrap_or(why);
            tracing::warn!("{address} gets no requests for {time:?}: {why}");
        }
    }

    /// A check has found that a server works, or why it does not.
    pub(crate) fn checked(&self, upstream: &Upstream, found: Result<(), String>) {
        let address = &upstream.address;
        match (upstream.health.set_down(found.is_err()), found) {
            (true, Err(why)) => tracing::warn!("{address} gets no requests: {why}"),
            (true, Ok(())) => tracing::info!("{address} works again"),
            (false, _) => {}
        }
    }

    fn now(&self) -> u64 {
        let passed = self.origin.elapsed().as_millis();
        // 0 is "works".
        u64::try_from(passed).unwrap_or(u64::MAX).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_a_socket_begins_in_the_folder_of_the_manifest() {
        let socket = |text| Address::parse(text, Path::new("/site")).unwrap().socket;
        assert_eq!(
            socket("unix:run/app.sock"),
            Some("/site/run/app.sock".into())
        );
        assert_eq!(socket("unix:/run/app.sock"), Some("/run/app.sock".into()));
    }
}
