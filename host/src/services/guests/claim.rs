//! One instance's claim to a guest.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use stackup_plugin::GuestOptions;
use stackup_plugin::abi::host::{FetchFailure, FetchPhase, FetchRequest, Fetching, HostGuest};
use tokio::runtime::Handle;

use super::options::{Checked, is_by_product};
use super::route::{InUse, Route};
use super::{FailedDirs, GuestEvent, GuestRequests, GuestState, ReadFiles, Send};
use crate::services::FetchHub;
use crate::services::log::{has_log_listener, show_guest_line};

/// How long the supervisor may take beyond the guest's own limit.
const GRACE: Duration = Duration::from_secs(10);

/// A claim, until it drops.
pub(super) struct Claim {
    number: u64,
    options: GuestOptions,
    /// Its directory as it is named.
    named: PathBuf,
    fetch: FetchHub,
    runtime: Handle,
    send: Send,
    route: Arc<Route>,
    /// How the guest's start has ended.
    started: Mutex<Option<Result<(), String>>>,
    told: Condvar,
    read_files: ReadFiles,
    /// The state of its files before it was asked for.
    files: Option<u64>,
    is_outdated: AtomicBool,
    /// Where to note its directory if it fails.
    failed: FailedDirs,
}

impl Claim {
    pub(super) fn new(
        number: u64,
        Checked { options, named }: Checked,
        fetch: FetchHub,
        runtime: Handle,
        send: Send,
        read_files: ReadFiles,
        failed: FailedDirs,
    ) -> Self {
        let watched = options.watch.then_some(options.dir.as_path());
        Self {
            number,
            files: watched.map(|dir| read_files(dir, is_by_product)),
            read_files,
            route: Arc::new(Route::new(options.name.clone())),
            options,
            named,
            fetch,
            runtime,
            send,
            started: Mutex::new(None),
            told: Condvar::new(),
            is_outdated: AtomicBool::new(false),
            failed,
        }
    }

    /// Asks the supervisor for the guest, but for none of those of the claims in `except`.
    pub(super) fn ask(&self, except: Vec<u64>) {
        (self.send)(GuestEvent::Wanted {
            claim: self.number,
            options: Box::new(self.options.clone()),
            files: self.files,
            except,
            lines: has_log_listener(),
        });
    }

    /// Nobody waits any longer for its start.
    pub(super) fn cancel(&self) {
        self.told(GuestState::Failed {
            reason: "its start was cancelled, since another change has come".to_owned(),
        });
    }

    fn wait_for_start(&self) -> Result<(), String> {
        let limit = Duration::from_millis(self.options.ready_timeout) + GRACE;
        let started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |started: &mut Option<_>| started.is_none();
        let told = self.told.wait_timeout_while(started, limit, waits);
        let (started, _) = told.unwrap_or_else(PoisonError::into_inner);
        let ended = started.clone();
        ended.unwrap_or_else(|| Err("the supervisor says nothing about the guest".to_owned()))
    }

    /// What the supervisor says about the guest.
    pub(super) fn told(&self, state: GuestState) {
        let started = match state {
            GuestState::Said { line } => return show_guest_line(&self.options.name, line),
            GuestState::Ready { process, address } => {
                let send = Arc::clone(&self.send);
                self.route
                    .lead_to(InUse::new(process, address, self.number, send));
                Ok(())
            }
            GuestState::Down { reason } => {
                self.route.close(reason);
                Ok(())
            }
            GuestState::Failed { reason } => Err(reason),
        };
        let mut first = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(started);
        self.told.notify_all();
    }

    /// Its requests to the process that gets new ones; none while there is no such process.
    pub(super) fn requests(&self) -> Option<GuestRequests> {
        self.route.requests()
    }

    /// The directory whose changes outdate it.
    pub(super) fn watched(&self) -> Option<PathBuf> {
        self.options.watch.then(|| self.options.dir.clone())
    }

    /// Its name, and which of these files outdates it, relative to its directory; none if it is not outdated.
    pub(super) fn outdated_by<'c>(&self, changed: &'c [PathBuf]) -> Option<(&str, &'c Path)> {
        let dir = self.watched().filter(|_| self.is_outdated())?;
        let mut below = changed
            .iter()
            .filter_map(|path| path.strip_prefix(&dir).ok());
        let file = below.find(|file| !is_by_product(file))?;
        Some((&self.options.name, file))
    }

    /// Looks whether its files have changed since it was asked for, or its directory is another one. Blocks.
    pub(super) fn look_at_files(&self) {
        let now = self
            .watched()
            .map(|dir| (self.read_files)(&dir, is_by_product));
        let dir = self.named.canonicalize();
        let is_elsewhere = dir.is_ok_and(|dir| dir != self.options.dir);
        let is_outdated = now != self.files || is_elsewhere;
        self.is_outdated.store(is_outdated, Ordering::Relaxed);
    }
}

impl HostGuest for Claim {
    fn wait(&self) -> Result<(), String> {
        self.wait_for_start().inspect_err(|_| {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.extend(self.watched());
        })
    }

    fn fetch(&self, request: FetchRequest) -> Fetching {
        self.route.fetch(request, &self.fetch, &self.runtime)
    }

    fn is_outdated(&self) -> bool {
        self.is_outdated.load(Ordering::Relaxed)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        (self.send)(GuestEvent::Released { claim: self.number });
    }
}

/// The guest of an instance that is only tried.
pub(super) struct Tried;

impl HostGuest for Tried {
    fn fetch(&self, _request: FetchRequest) -> Fetching {
        Box::pin(std::future::ready(Err(FetchFailure {
            phase: FetchPhase::Connect,
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: "a guest is not started for a trial".to_owned(),
        })))
    }
}
