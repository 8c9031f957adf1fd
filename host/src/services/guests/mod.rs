//! Guests: processes that answer requests for plugins. The supervisor runs them; here are the worker's claims to them.
//!
//! A guest is known by its options. Each instance that asks for one has a claim of its own to it.

mod claim;
mod messages;
mod options;
mod route;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use stackup_plugin::abi::host::{GuestFailure, GuestRequest, HostGuest};
use tokio::runtime::Handle;

use self::claim::{Claim, Tried};
pub use self::messages::{GuestAddress, GuestEvent, GuestRequests, GuestState};
use super::fetch::FetchHub;

/// The state of the files in a directory, without those that the function names: another number after each change.
type ReadFiles = fn(&Path, is_ignored: fn(&Path) -> bool) -> u64;

/// The watched directories of claims that have failed since a stack was built.
type FailedDirs = Arc<Mutex<Vec<PathBuf>>>;

/// Sends an event to the supervisor.
type Send = Arc<dyn Fn(GuestEvent) + std::marker::Send + Sync>;

/// The guests of this process.
#[derive(Clone)]
pub struct GuestHub(Arc<Shared>);

struct Shared {
    fetch: FetchHub,
    runtime: Handle,
    failed: FailedDirs,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// None where there is no supervisor.
    supervisor: Option<(Send, ReadFiles)>,
    next: u64,
    claims: BTreeMap<u64, Weak<Claim>>,
    /// Claims whose guests a reload with new instances does not take over.
    replaced: Vec<u64>,
    /// Whether starts are not to be waited for any more.
    is_cancelled: bool,
}

impl GuestHub {
    /// Requests go by `fetch`.
    pub fn new(fetch: FetchHub, runtime: Handle) -> Self {
        Self(Arc::new(Shared {
            fetch,
            runtime,
            failed: Arc::default(),
            state: Mutex::default(),
        }))
    }

    /// Has a supervisor run guests, which gets events by `send`. `read_files` tells whether their files have changed.
    pub fn connect(
        &self,
        send: impl Fn(GuestEvent) + std::marker::Send + Sync + 'static,
        read_files: ReadFiles,
    ) {
        self.state().supervisor = Some((Arc::new(send), read_files));
    }

    /// Looks whether the files of guests have changed. Blocks.
    pub fn look_at_files(&self) {
        for claim in self.claims() {
            claim.look_at_files();
        }
    }

    /// The names of the guests that these files outdate, each with such a file, relative to the guest's directory.
    pub fn outdated_by(&self, changed: &[PathBuf]) -> BTreeMap<String, PathBuf> {
        let claims = self.claims();
        let outdated = claims.iter().filter_map(|claim| claim.outdated_by(changed));
        outdated
            .map(|(name, file)| (name.to_owned(), file.to_owned()))
            .collect()
    }

    /// A stack is about to be built. With `fresh`, each of its guests is started anew.
    pub fn begin(&self, fresh: bool) {
        let mut state = self.state();
        state.claims.retain(|_, claim| claim.strong_count() > 0);
        state.is_cancelled = false;
        self.failed().clear();
        state.replaced = match fresh {
            true => state.claims.keys().copied().collect(),
            false => Vec::new(),
        };
    }

    /// Ends all waits for guests that start, until the next stack is built.
    pub fn cancel_starts(&self) {
        self.state().is_cancelled = true;
        for claim in self.claims() {
            claim.cancel();
        }
    }

    /// Starts a guest, or takes over one with the same options.
    ///
    /// # Errors
    ///
    /// An option is invalid.
    pub fn open(&self, request: GuestRequest) -> Result<Arc<dyn HostGuest>, GuestFailure> {
        let checked = options::check(&request)?;
        if request.is_trial {
            return Ok(Arc::new(Tried));
        }
        let (supervisor, number, except) = self.state().next();
        let Some((send, read_files)) = supervisor else {
            return Err(options::failure(
                "",
                "a guest needs a supervisor: only `stackup serve` and `stackup dev` have one",
            ));
        };
        let (fetch, runtime) = (self.0.fetch.clone(), self.0.runtime.clone());
        let failed = Arc::clone(&self.0.failed);
        let claim = Claim::new(number, checked, fetch, runtime, send, read_files, failed);
        let claim = Arc::new(claim);
        let is_cancelled = {
            let mut state = self.state();
            state.claims.insert(number, Arc::downgrade(&claim));
            state.is_cancelled
        };
        match is_cancelled {
            true => claim.cancel(),
            false => claim.ask(except),
        }
        Ok(claim)
    }

    /// What the supervisor says about a guest.
    pub fn told(&self, claim: u64, state: GuestState) {
        let claim = self.state().claims.get(&claim).and_then(Weak::upgrade);
        if let Some(claim) = claim {
            claim.told(state);
        }
    }

    /// The supervisor is gone, and with it all guests.
    pub fn disconnect(&self) {
        for claim in self.claims() {
            claim.told(GuestState::Down {
                reason: "the supervisor has exited".to_owned(),
            });
        }
    }

    /// The requests of each claim to the process that gets its new ones.
    pub fn status(&self) -> Vec<GuestRequests> {
        let claims = self.claims();
        claims.iter().filter_map(|claim| claim.requests()).collect()
    }

    /// The directories of guests that a change outdates.
    pub fn watched(&self) -> Vec<PathBuf> {
        let claims = self.claims().into_iter();
        let mut all: Vec<_> = claims.filter_map(|claim| claim.watched()).collect();
        all.extend(self.failed().iter().cloned());
        all.sort();
        all.dedup();
        all
    }

    /// Whether a change of this file outdates no guest, though it is in the directory of one.
    pub fn ignores(&self, path: &Path) -> bool {
        let watched = self.watched();
        let below = watched
            .iter()
            .filter_map(|root| path.strip_prefix(root).ok());
        let mut below = below.peekable();
        below.peek().is_some() && below.all(options::is_by_product)
    }

    fn claims(&self) -> Vec<Arc<Claim>> {
        self.state()
            .claims
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }

    fn failed(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.0.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whom to ask for another guest, the number of the claim, and the claims whose guests it does not take.
    fn next(&mut self) -> (Option<(Send, ReadFiles)>, u64, Vec<u64>) {
        self.next += 1;
        (self.supervisor.clone(), self.next, self.replaced.clone())
    }
}
