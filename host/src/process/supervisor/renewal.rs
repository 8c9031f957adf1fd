//! Renewal: a new worker replaces the serving one without losing a request.
//!
//! The old worker is put on hold, so it starts no reload. The new one loads, warms up and accepts
//! connections; only then the old one retires. If anything fails, the old one keeps serving.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Supervisor;
use super::listen_changes::new_protocols;
use super::pending::{Responder, respond};
use super::sockets::Socket;
use super::start::{StartPlan, addresses};
use crate::load::library::Trust;
use crate::load::manifest::ListenProtocols;
use crate::load::program;
use crate::load::site_file;
use crate::load::snapshot::RejectedStack;
use crate::policy::restart::StackSource;
use crate::process::control::Reply;
use crate::process::ipc::Command;

/// How long the old worker may take to finish a running reload.
const HOLD_TIMEOUT: Duration = Duration::from_secs(120);

/// How long the old worker may take until it accepts no more connections. Then it hangs.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the last replies may take before this process executes the new program.
pub(super) const REPLY_TIMEOUT: Duration = Duration::from_millis(50);

/// A year: the new worker has a deadline of its own.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A renewal in progress.
#[derive(Debug)]
pub(super) struct Renewal {
    cause: String,
    /// The stack that the new worker starts with.
    start: StackSource,
    /// The stack that it replaces for good, in a rollback by hand.
    pub(super) rejects: Option<RejectedStack>,
    /// The new worker, once it is started.
    pub(super) worker: Option<u32>,
    pub(super) deadline: Instant,
    began: Instant,
    responders: Vec<Responder>,
    /// Sockets that were opened for it.
    opened: Vec<String>,
    /// The sockets whose protocols have changed, each with those before.
    switched: Vec<(String, ListenProtocols)>,
    /// Sockets to be closed as soon as it serves.
    pub(super) closing: Vec<String>,
    /// Whether it replaces a worker that could not load the stack on disk: reloads that somebody waits for are this.
    is_reload: bool,
    /// Whether the supervisor executes the new program afterwards.
    pub(super) upgrade: bool,
    /// What to start, and when, if it fails: the old worker is gone.
    fallback: Option<(Instant, StartPlan)>,
}

impl Supervisor {
    /// Replaces the serving worker by a new one.
    pub(super) fn renew(&mut self, cause: &str, start: StackSource, responder: Option<Responder>) {
        self.begin_renewal(cause, start, responder, false);
    }

    /// The same, where `upgrade` says whether the supervisor is replaced as well. None if it can't begin now.
    pub(super) fn begin_renewal(
        &mut self,
        cause: &str,
        start: StackSource,
        responder: Option<Responder>,
        upgrade: bool,
    ) -> Option<&mut Renewal> {
        let responders: Vec<_> = responder.into_iter().collect();
        let busy = match (&self.renewal, self.stopping) {
            (_, Some(_)) => Some("stackup is shutting down"),
            (Some(_), None) => Some("another renewal is in progress: `stackup status` shows it"),
            (None, None) => None,
        };
        let held = busy.is_none()
            && self
                .serving_worker()
                .is_some_and(|old| old.send(Command::Hold));
        if !held {
            let why = busy.unwrap_or("no worker is serving right now: one is starting");
            responders
                .into_iter()
                .for_each(|responder| respond(responder, Reply::error(why)));
            return None;
        }
        tracing::info!(
            event = "renewal",
            state = "begins",
            cause,
            "renewing the worker: {cause}"
        );
        Some(self.renewal.insert(Renewal {
            cause: cause.to_owned(),
            start,
            rejects: None,
            worker: None,
            deadline: Instant::now() + HOLD_TIMEOUT,
            began: Instant::now(),
            responders,
            opened: Vec::new(),
            switched: Vec::new(),
            closing: Vec::new(),
            is_reload: false,
            upgrade,
            fallback: None,
        }))
    }

    /// The serving worker can't load the stack on disk, for this reason: a fresh one tries.
    pub(super) fn renew_exhausted(&mut self, reason: &str) {
        tracing::warn!(
            event = "exhausted",
            error = reason,
            "{}\n\nthis worker has loaded too much for it: a fresh one tries",
            reason.trim_end()
        );
        self.renew_for_reload("it can't load more libraries");
    }

    /// A fresh worker takes over in place of a reload, and answers those that wait for one.
    pub(super) fn renew_for_reload(&mut self, cause: &str) {
        if self.renewal.is_none() {
            self.begin_renewal(cause, StackSource::Disk, None, false);
        }
        if let Some(renewal) = &mut self.renewal {
            renewal.is_reload = true;
        }
    }

    /// The serving worker is gone. The new worker of a renewal takes its place, if there is one; otherwise `plan` starts
    /// another at `due`.
    pub(super) fn replace_lost(&mut self, due: Instant, plan: StartPlan) {
        if let Some(renewal) = &mut self.renewal {
            renewal.fallback = Some((due, plan));
            // Nothing is left to wait for.
            self.old_worker_held();
        } else if due > Instant::now() {
            self.planned = Some((due, plan));
        } else {
            self.start_unless_starting(plan);
        }
    }

    /// The old worker is on hold: the new one may start from the same stack.
    pub(super) fn old_worker_held(&mut self) {
        let Some(renewal) = &mut self.renewal else {
            return;
        };
        if renewal.worker.is_some() {
            return;
        }
        renewal.deadline = Instant::now() + NEVER;
        let start = match renewal.start {
            StackSource::Active if self.state.active.is_none() => StackSource::Disk,
            start => start,
        };
        let cause = renewal.cause.clone();
        if renewal.upgrade
            && let Err(why) = self.check_new_program()
        {
            self.abort_renewal(&why);
            return;
        }
        if start == StackSource::Disk
            && let Err(why) = self.follow_addresses()
        {
            self.abort_renewal(&why);
            return;
        }
        match self.start(StartPlan { start, cause }) {
            Some(number) => {
                if let Some(renewal) = &mut self.renewal {
                    renewal.worker = Some(number);
                }
            }
            None => {
                self.planned = None;
                self.abort_renewal("cannot start a process");
            }
        }
    }

    /// Opens the manifest's new addresses, and notes which ones to close. Open sockets take over its protocols.
    fn follow_addresses(&mut self) -> Result<(), String> {
        // Inherited sockets stay as they are.
        if self.sockets.iter().any(|socket| socket.address.is_none()) {
            return Ok(());
        }
        let wanted = addresses(&self.settings)?;
        let mut opened = Vec::new();
        for entry in &wanted {
            let known = |socket: &Socket| socket.address.as_ref() == Some(&entry.address);
            if !self.sockets.iter().any(known) {
                let bound = Socket::bind(entry, &wanted, &self.sockets, &self.settings.location);
                opened.extend(bound.map_err(|error| error.to_string())?);
            }
        }
        let gone = |socket: &&Socket| {
            socket
                .address
                .as_ref()
                .is_some_and(|had| wanted.iter().all(|entry| entry.address != *had))
        };
        let closing = self
            .sockets
            .iter()
            .filter(gone)
            .map(|socket| socket.url.clone());
        if let Some(renewal) = &mut self.renewal {
            renewal.closing = closing.collect();
            renewal.opened = opened.iter().map(|socket| socket.url.clone()).collect();
            let sockets = self.sockets.iter();
            let sockets = sockets.map(|socket| (socket.address.as_ref(), &socket.protocols));
            let new = new_protocols(&sockets.collect::<Vec<_>>(), &wanted);
            for (socket, new) in self.sockets.iter_mut().zip(new) {
                if let Some(new) = new {
                    let before = socket.speak(new);
                    renewal.switched.push((socket.url.clone(), before));
                }
            }
        }
        self.sockets.extend(opened);
        Ok(())
    }

    /// Ends the renewal: the new worker is serving. Its clients get their reply when the `retired` workers accept no more
    /// connections, so that each connection after it meets the new worker.
    pub(super) fn finish_renewal(&mut self, number: u32, retired: BTreeSet<u32>) {
        let Some(renewal) = self
            .renewal
            .take_if(|renewal| renewal.worker == Some(number))
        else {
            return;
        };
        self.state.renewals += 1;
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
            "worker {number} took over after {milliseconds:.0} ms ({cause})"
        );
        let value = json!({ "worker": number, "milliseconds": milliseconds });
        let mut text = format!(
            "worker {number} took over after {milliseconds:.0} ms; the old worker is finishing its requests"
        );
        if renewal.upgrade && program::is_running(&self.settings.program) {
            let path = self.settings.program.display();
            text.push_str(&format!(
                "\n`{path}` is still the program that was running: nothing has been upgraded"
            ));
        }
        if let Some(rejected) = renewal.rejects {
            text = self.rolled_back(rejected, &text);
        }
        let reply = Reply::ok(text, value);
        let responders = renewal.responders;
        self.pending
            .expect_closed(retired, responders, reply, Instant::now() + CLOSE_TIMEOUT);
        if renewal.upgrade {
            self.replacing = Some(Instant::now() + REPLY_TIMEOUT);
        }
    }

    /// Gives up the renewal: the old worker keeps serving.
    pub(super) fn abort_renewal(&mut self, why: &str) {
        let Some(renewal) = self.renewal.take() else {
            return;
        };
        self.close_sockets(&renewal.opened);
        for socket in &mut self.sockets {
            let mut switched = renewal.switched.iter();
            if let Some((_, before)) = switched.find(|(url, _)| *url == socket.url) {
                socket.speak(before.clone());
            }
        }
        self.state.trying = None;
        if let Some(old) = self.serving_worker() {
            old.send(Command::Resume);
        }
        let cause = &renewal.cause;
        let why = why.trim_end();
        let follows = match &renewal.fallback {
            None => "the old worker keeps serving",
            Some(_) => "the old worker has died, another one starts",
        };
        tracing::error!(
            event = "renewal",
            state = "failed",
            cause,
            error = why,
            "{why}\n\nthe renewal ({cause}) failed: {follows}"
        );
        self.state
            .note(super::now(), format!("renewal ({cause}) failed: {why}"));
        let reply = format!("{why}\n\n{follows}");
        if renewal.is_reload {
            self.pending.fail_reloads(&reply);
        }
        for responder in renewal.responders {
            respond(responder, Reply::error(reply.clone()));
        }
        if renewal.fallback.is_some() {
            self.planned = renewal.fallback;
        }
    }

    pub(super) fn check_renewal_deadline(&mut self, now: Instant) {
        if self
            .renewal
            .as_ref()
            .is_some_and(|renewal| renewal.deadline <= now)
        {
            self.abort_renewal("the old worker did not finish its reload in time");
        }
    }

    fn close_sockets(&mut self, urls: &[String]) {
        let going = |socket: &mut Socket| urls.contains(&socket.url);
        self.sockets.extract_if(.., going).for_each(Socket::close);
    }

    /// Checks that no other user can have changed the program that is to run with this one's rights.
    fn check_new_program(&self) -> Result<(), String> {
        let path = &self.settings.program;
        if self.settings.trust == Trust::Any {
            return Ok(());
        }
        match checked_file::check(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!(
                "the program `{}` is not started: {}",
                path.display(),
                site_file::message(&error)
            )),
        }
    }

    /// The program of the next worker: the running one even if its file was replaced, or the new one in an
    /// upgrade.
    pub(super) fn program(&self) -> io::Result<PathBuf> {
        match &self.renewal {
            Some(renewal) if renewal.upgrade && renewal.worker.is_none() => {
                Ok(self.settings.program.clone())
            }
            _ => program::current_exe(),
        }
    }
}
