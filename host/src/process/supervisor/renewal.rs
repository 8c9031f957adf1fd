//! A fresh worker in the place of one that serves, without a lost request.
//!
//! The old one is held (it starts no reload), the new one loads, warms up and accepts; only then the old
//! one retires. Whatever fails on the way leaves the old one serving.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Supervisor;
use super::pending::{Asker, tell};
use super::sockets::Socket;
use super::start::{Plan, addresses};
use crate::load::program;
use crate::policy::verdict::Start;
use crate::process::control::Reply;
use crate::process::ipc::Order;

/// How long the old worker may take to end the reload that runs.
const HOLD: Duration = Duration::from_secs(120);

/// How long answers have to reach who asked, before this process becomes another.
pub(super) const LAST_ANSWERS: Duration = Duration::from_millis(50);

/// A year: what has its own deadline elsewhere needs none here.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A renewal that is under way.
#[derive(Debug)]
pub(super) struct Renewal {
    cause: String,
    /// Begin with the stack that serves, not with the manifest on the disk.
    same_stack: bool,
    /// The new one, once it is started.
    pub(super) worker: Option<u32>,
    pub(super) deadline: Instant,
    began: Instant,
    askers: Vec<Asker>,
    /// Sockets that were opened for it.
    opened: Vec<String>,
    /// Sockets that nobody wants any more once it serves.
    pub(super) closing: Vec<String>,
    /// Whether the supervisor is to be replaced by the program's file after it.
    pub(super) upgrade: bool,
}

impl Supervisor {
    /// Replaces the worker that serves by a fresh one.
    pub(super) fn renew(&mut self, cause: &str, same_stack: bool, asker: Option<Asker>) {
        self.begin_renewal(cause, same_stack, asker, false);
    }

    pub(super) fn begin_renewal(
        &mut self,
        cause: &str,
        same_stack: bool,
        asker: Option<Asker>,
        upgrade: bool,
    ) {
        let askers: Vec<_> = asker.into_iter().collect();
        let busy = match (&self.renewal, self.stopping) {
            (_, Some(_)) => Some("stackup ends"),
            (Some(_), None) => Some("another renewal is under way: `stackup status` shows it"),
            (None, None) => None,
        };
        let held = busy.is_none()
            && self
                .serving_worker()
                .is_some_and(|old| old.tell(Order::Hold));
        if !held {
            let why = busy.unwrap_or("no worker serves at this moment: one is being started");
            askers
                .into_iter()
                .for_each(|asker| tell(asker, Reply::refused(why)));
            return;
        }
        tracing::info!(
            event = "renewal",
            state = "begins",
            cause,
            "renewal begins: {cause}"
        );
        self.renewal = Some(Renewal {
            cause: cause.to_owned(),
            same_stack,
            worker: None,
            deadline: Instant::now() + HOLD,
            began: Instant::now(),
            askers,
            opened: Vec::new(),
            closing: Vec::new(),
            upgrade,
        });
    }

    /// The old worker reloads no more: the new one may begin where it is.
    pub(super) fn held(&mut self) {
        let Some(renewal) = &mut self.renewal else {
            return;
        };
        if renewal.worker.is_some() {
            return;
        }
        renewal.deadline = Instant::now() + NEVER;
        let same = renewal.same_stack && self.memory.active.is_some();
        let start = if same { Start::Active } else { Start::Disk };
        let cause = renewal.cause.clone();
        if !same && let Err(why) = self.follow_addresses() {
            self.not_renewed(&why);
            return;
        }
        match self.start(Plan { start, cause }) {
            Some(number) => {
                if let Some(renewal) = &mut self.renewal {
                    renewal.worker = Some(number);
                }
            }
            None => {
                self.planned = None;
                self.not_renewed("no process could be started");
            }
        }
    }

    /// Opens what the manifest listens on by now, and notes what it no longer does.
    fn follow_addresses(&mut self) -> Result<(), String> {
        // Sockets that somebody else has opened stay what they are.
        if self.sockets.iter().any(|socket| socket.address.is_none()) {
            return Ok(());
        }
        let wanted = addresses(&self.settings)?;
        let mut opened = Vec::new();
        for address in &wanted {
            let known = |socket: &Socket| socket.address.as_ref() == Some(address);
            if !self.sockets.iter().any(known) {
                opened.extend(Socket::bind(address).map_err(|error| error.to_string())?);
            }
        }
        let gone = |socket: &&Socket| {
            socket
                .address
                .as_ref()
                .is_some_and(|had| !wanted.contains(had))
        };
        let closing = self
            .sockets
            .iter()
            .filter(gone)
            .map(|socket| socket.url.clone());
        if let Some(renewal) = &mut self.renewal {
            renewal.closing = closing.collect();
            renewal.opened = opened.iter().map(|socket| socket.url.clone()).collect();
        }
        self.sockets.extend(opened);
        Ok(())
    }

    /// The new worker serves.
    pub(super) fn renewed(&mut self, number: u32) {
        let Some(renewal) = self
            .renewal
            .take_if(|renewal| renewal.worker == Some(number))
        else {
            return;
        };
        self.memory.renewals += 1;
        let milliseconds = renewal.began.elapsed().as_secs_f64() * 1000.0;
        let cause = &renewal.cause;
        self.close_sockets(&renewal.closing);
        for url in &renewal.opened {
            tracing::info!(event = "listening", url, "listening on {url}");
        }
        tracing::info!(
            event = "renewal",
            state = "done",
            cause,
            milliseconds,
            worker = number,
            "worker {number} has taken over after {milliseconds:.0} ms ({cause})"
        );
        let value = json!({ "worker": number, "milliseconds": milliseconds });
        let text = format!(
            "worker {number} serves after {milliseconds:.0} ms; the one before finishes its requests"
        );
        for asker in renewal.askers {
            tell(asker, Reply::done(text.clone(), value.clone()));
        }
        if renewal.upgrade {
            self.replacing = Some(Instant::now() + LAST_ANSWERS);
        }
    }

    /// It did not work out: the old worker goes on.
    pub(super) fn not_renewed(&mut self, why: &str) {
        let Some(renewal) = self.renewal.take() else {
            return;
        };
        self.close_sockets(&renewal.opened);
        self.memory.trying = None;
        if let Some(old) = self.serving_worker() {
            old.tell(Order::Resume);
        }
        let cause = &renewal.cause;
        let why = why.trim_end();
        tracing::error!(
            event = "renewal",
            state = "failed",
            cause,
            error = why,
            "{why}\n\nthe renewal ({cause}) has failed: the worker goes on serving"
        );
        self.memory
            .note(super::now(), format!("renewal ({cause}) failed: {why}"));
        for asker in renewal.askers {
            tell(
                asker,
                Reply::refused(format!("{why}\n\nthe worker that serves goes on")),
            );
        }
    }

    pub(super) fn renewal_overdue(&mut self, now: Instant) {
        if self
            .renewal
            .as_ref()
            .is_some_and(|renewal| renewal.deadline <= now)
        {
            self.not_renewed("the worker did not end its reload in time");
        }
    }

    fn close_sockets(&mut self, urls: &[String]) {
        let going = |socket: &mut Socket| urls.contains(&socket.url);
        self.sockets.extract_if(.., going).for_each(Socket::close);
    }

    /// The program of the next worker: this one, also when its file has been replaced, unless that is
    /// just what is wanted.
    pub(super) fn program(&self) -> io::Result<PathBuf> {
        match &self.renewal {
            Some(renewal) if renewal.upgrade && renewal.worker.is_none() => {
                Ok(self.settings.program.clone())
            }
            _ => program::current_exe(),
        }
    }
}
