//! Requests that wait for a worker's answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::process::control::Reply;
use crate::process::ipc::ReloadOptions;
use crate::serve::generation::{ReloadOutcome, ReloadRecord};

/// Where the reply to a client goes.
pub(super) type Responder = oneshot::Sender<Reply>;

/// The requests that have no answer yet.
#[derive(Debug, Default)]
pub(super) struct PendingRequests {
    last: u64,
    reloads: BTreeMap<u64, (ReloadOptions, Option<Responder>)>,
    statuses: BTreeMap<u64, StatusRequest>,
    /// Commands about the store, each with the worker that runs it.
    data_commands: BTreeMap<u64, (u32, Responder)>,
    takeovers: Vec<Takeover>,
}

/// Replies to those who asked for another worker.
#[derive(Debug)]
struct Takeover {
    responders: Vec<Responder>,
    reply: Reply,
    /// The workers before it that still accept connections.
    missing: BTreeSet<u32>,
    deadline: Instant,
}

/// A status request, with the parts that have arrived.
#[derive(Debug)]
pub(super) struct StatusRequest {
    responder: Responder,
    /// The supervisor's part.
    own: Value,
    /// The workers that have not answered.
    missing: BTreeSet<u32>,
    parts: BTreeMap<u32, Value>,
    deadline: Instant,
}

impl PendingRequests {
    /// A new query number.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Remembers whom to answer at the end of the reload with this number.
    pub(super) fn expect_reload(
        &mut self,
        query: u64,
        options: ReloadOptions,
        responder: Option<Responder>,
    ) {
        self.reloads.insert(query, (options, responder));
    }

    /// The reloads that have no answer yet.
    pub(super) fn pending_reloads(&self) -> impl Iterator<Item = (u64, ReloadOptions)> {
        self.reloads
            .iter()
            .map(|(query, (options, _))| (*query, *options))
    }

    pub(super) fn reloaded(&mut self, query: Option<u64>, record: &ReloadRecord) {
        let open = query.and_then(|query| self.reloads.remove(&query));
        if let Some((_, Some(responder))) = open {
            respond(responder, reload_reply(record));
        }
    }

    /// Answers all reloads with an error: their worker has died.
    pub(super) fn fail_reloads(&mut self, why: &str) {
        let open = std::mem::take(&mut self.reloads).into_values();
        for responder in open.filter_map(|(_, responder)| responder) {
            respond(responder, Reply::error(why));
        }
    }

    /// Remembers whom to answer when `worker` has run a command about stored data.
    pub(super) fn expect_data_reply(&mut self, query: u64, worker: u32, responder: Responder) {
        self.data_commands.insert(query, (worker, responder));
    }

    pub(super) fn data_replied(&mut self, query: u64, reply: Reply) {
        if let Some((_, responder)) = self.data_commands.remove(&query) {
            respond(responder, reply);
        }
    }

    fn fail_data_commands(&mut self, why: &str, is_lost: impl Fn(u32) -> bool) {
        let commands = self.data_commands.iter();
        let lost = commands.filter(|(_, (worker, _))| is_lost(*worker));
        let lost: Vec<u64> = lost.map(|(query, _)| *query).collect();
        for query in lost {
            self.data_replied(query, Reply::error(why));
        }
    }

    /// Collects a part from each of `workers`, until the deadline.
    pub(super) fn expect_status(
        &mut self,
        query: u64,
        responder: Responder,
        own: Value,
        workers: BTreeSet<u32>,
        deadline: Instant,
    ) {
        let request = StatusRequest {
            responder,
            own,
            missing: workers,
            parts: BTreeMap::new(),
            deadline,
        };
        self.statuses.insert(query, request);
        self.finish_ready(Instant::now());
    }

    pub(super) fn status_part(&mut self, query: u64, worker: u32, part: Value) {
        if let Some(request) = self.statuses.get_mut(&query) {
            request.missing.remove(&worker);
            request.parts.insert(worker, part);
        }
        self.finish_ready(Instant::now());
    }

    /// Replies as soon as none of `workers` accepts connections, at the latest at the deadline.
    pub(super) fn expect_closed(
        &mut self,
        workers: BTreeSet<u32>,
        responders: Vec<Responder>,
        reply: Reply,
        deadline: Instant,
    ) {
        self.takeovers.push(Takeover {
            responders,
            reply,
            missing: workers,
            deadline,
        });
        self.finish_takeovers(|takeover| takeover.missing.is_empty());
    }

    /// A worker accepts no more connections.
    pub(super) fn closed(&mut self, worker: u32) {
        self.finish_takeovers(|takeover| {
            takeover.missing.remove(&worker);
            takeover.missing.is_empty()
        });
    }

    /// A worker has exited: no status waits for it or lists it any more.
    pub(super) fn exited(&mut self, worker: u32) {
        for request in self.statuses.values_mut() {
            request.missing.remove(&worker);
            if let Some(listed) = request.own["workers"].as_array_mut() {
                listed.retain(|one| one["number"] != worker);
            }
        }
        self.finish_ready(Instant::now());
        self.fail_data_commands("the worker has ended before it replied", |it| it == worker);
        self.closed(worker);
    }

    /// Whether a takeover has not been reported to those who asked for it.
    pub(super) fn has_takeovers(&self) -> bool {
        !self.takeovers.is_empty()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let statuses = self.statuses.values().map(|request| request.deadline);
        let takeovers = self.takeovers.iter().map(|takeover| takeover.deadline);
        statuses.chain(takeovers).min()
    }

    pub(super) fn on_deadline(&mut self, now: Instant) {
        self.finish_ready(now);
        self.finish_takeovers(|takeover| takeover.deadline <= now);
    }

    /// Answers everything that is left: stackup shuts down.
    pub(super) fn end(&mut self) {
        self.fail_reloads("stackup is shutting down");
        self.fail_data_commands("stackup is shutting down", |_| true);
        self.finish_takeovers(|_| true);
    }

    fn finish_takeovers(&mut self, mut is_over: impl FnMut(&mut Takeover) -> bool) {
        for takeover in self.takeovers.extract_if(.., |takeover| is_over(takeover)) {
            for responder in takeover.responders {
                respond(responder, takeover.reply.clone());
            }
        }
    }

    fn finish_ready(&mut self, now: Instant) {
        let ready = |request: &StatusRequest| request.missing.is_empty() || request.deadline <= now;
        let done: Vec<_> = self
            .statuses
            .iter()
            .filter(|(_, request)| ready(request))
            .map(|(query, _)| *query)
            .collect();
        for request in done.iter().filter_map(|query| self.statuses.remove(query)) {
            request.finish();
        }
    }
}

impl StatusRequest {
    fn finish(mut self) {
        if let Some(workers) = self.own["workers"].as_array_mut() {
            for worker in workers {
                let number = worker["number"]
                    .as_u64()
                    .and_then(|number| u32::try_from(number).ok());
                let part = number.and_then(|number| self.parts.remove(&number));
                // A worker without an answer stays in the list.
                worker["status"] = part.unwrap_or(Value::Null);
            }
        }
        respond(self.responder, Reply::ok("", self.own));
    }
}

/// Sends a reply. The client may have closed its connection.
pub(super) fn respond(responder: Responder, reply: Reply) {
    let _ = responder.send(reply);
}

fn reload_reply(record: &ReloadRecord) -> Reply {
    let ReloadRecord {
        number,
        generation,
        milliseconds,
        ..
    } = record;
    let mut text = match record.outcome {
        ReloadOutcome::Swapped => {
            format!("reload {number}: generation {generation} is active after {milliseconds:.1} ms")
        }
        ReloadOutcome::Unchanged => {
            format!("reload {number}: no changes, generation {generation} keeps serving")
        }
        ReloadOutcome::Refused => {
            let why = record.error.as_deref().unwrap_or_default().trim_end();
            format!("{why}\n\nreload {number} is refused: generation {generation} keeps serving")
        }
    };
    for change in &record.changes {
        text.push_str("\n  ");
        text.push_str(change);
    }
    Reply {
        ok: record.outcome != ReloadOutcome::Refused,
        text,
        value: json!(record),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn reply_waits_until_no_worker_before_accepts_connections() {
        let mut pending = PendingRequests::default();
        let now = Instant::now();
        let expect = |workers: &[u32], pending: &mut PendingRequests| {
            let (responder, reply) = oneshot::channel();
            let workers = workers.iter().copied().collect();
            let done = Reply::ok("done", Value::Null);
            pending.expect_closed(workers, vec![responder], done, now + Duration::from_secs(5));
            reply
        };
        assert!(expect(&[], &mut pending).try_recv().is_ok());
        let mut reply = expect(&[1, 2], &mut pending);
        pending.closed(1);
        pending.closed(3);
        pending.on_deadline(now);
        assert!(reply.try_recv().is_err() && pending.has_takeovers());
        pending.closed(2);
        assert_eq!(
            reply.try_recv().map(|reply| reply.text),
            Ok("done".to_owned())
        );
        let mut late = expect(&[4], &mut pending);
        pending.on_deadline(now + Duration::from_secs(5));
        assert!(late.try_recv().is_ok() && !pending.has_takeovers());
    }

    #[test]
    fn command_of_a_worker_that_exits_fails() {
        let mut pending = PendingRequests::default();
        let mut expect = |query, worker| {
            let (responder, reply) = oneshot::channel();
            pending.expect_data_reply(query, worker, responder);
            reply
        };
        let (mut one, mut two) = (expect(1, 1), expect(2, 2));
        pending.exited(1);
        assert!(!one.try_recv().unwrap().ok);
        pending.data_replied(2, Reply::ok("done", Value::Null));
        assert_eq!(two.try_recv().unwrap().text, "done");
    }

    #[test]
    fn status_neither_waits_for_a_worker_that_exits_nor_lists_it() {
        let mut pending = PendingRequests::default();
        let (responder, mut reply) = oneshot::channel();
        let own = json!({ "workers": [{ "number": 1 }, { "number": 2 }] });
        let deadline = Instant::now() + Duration::from_secs(60);
        pending.expect_status(7, responder, own, [1, 2].into(), deadline);
        pending.status_part(7, 2, json!("serves"));
        assert!(reply.try_recv().is_err());
        pending.exited(1);
        let listed = reply
            .try_recv()
            .map(|mut reply| reply.value["workers"].take());
        assert_eq!(listed, Ok(json!([{ "number": 2, "status": "serves" }])));
    }
}
