//! Questions that wait for a worker's answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::process::control::Reply;
use crate::process::ipc::Ask;
use crate::serve::generation::{Record, Verdict};

/// Whom to tell.
pub(super) type Asker = oneshot::Sender<Reply>;

/// What is asked for and not answered yet.
#[derive(Debug, Default)]
pub(super) struct Answers {
    last: u64,
    reloads: BTreeMap<u64, (Ask, Option<Asker>)>,
    statuses: BTreeMap<u64, Gathering>,
}

/// The parts of a status, as they come.
#[derive(Debug)]
pub(super) struct Gathering {
    asker: Asker,
    /// What the supervisor knows.
    own: Value,
    /// The workers that have not answered.
    missing: BTreeSet<u32>,
    parts: BTreeMap<u32, Value>,
    deadline: Instant,
}

impl Answers {
    /// The number of a question.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Waits for the end of the reload that was asked for with this number.
    pub(super) fn expect_reload(&mut self, query: u64, ask: Ask, asker: Option<Asker>) {
        self.reloads.insert(query, (ask, asker));
    }

    /// The reloads whose end nobody has told yet.
    pub(super) fn open_reloads(&self) -> impl Iterator<Item = (u64, Ask)> {
        self.reloads.iter().map(|(query, (ask, _))| (*query, *ask))
    }

    pub(super) fn reloaded(&mut self, query: Option<u64>, record: &Record) {
        let open = query.and_then(|query| self.reloads.remove(&query));
        if let Some((_, Some(asker))) = open {
            tell(asker, verdict(record));
        }
    }

    /// The worker that should have reloaded is no more.
    pub(super) fn reloads_fail(&mut self, why: &str) {
        let open = std::mem::take(&mut self.reloads).into_values();
        for asker in open.filter_map(|(_, asker)| asker) {
            tell(asker, Reply::refused(why));
        }
    }

    /// Waits for a part of `workers` each, until the deadline.
    pub(super) fn expect_status(
        &mut self,
        query: u64,
        asker: Asker,
        own: Value,
        workers: BTreeSet<u32>,
        deadline: Instant,
    ) {
        let gathering = Gathering {
            asker,
            own,
            missing: workers,
            parts: BTreeMap::new(),
            deadline,
        };
        self.statuses.insert(query, gathering);
        self.complete(Instant::now());
    }

    pub(super) fn status_part(&mut self, query: u64, worker: u32, part: Value) {
        if let Some(gathering) = self.statuses.get_mut(&query) {
            gathering.missing.remove(&worker);
            gathering.parts.insert(worker, part);
        }
        self.complete(Instant::now());
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.statuses
            .values()
            .map(|gathering| gathering.deadline)
            .min()
    }

    pub(super) fn on_time(&mut self, now: Instant) {
        self.complete(now);
    }

    /// Tells all who still wait that nothing comes any more.
    pub(super) fn end(&mut self) {
        self.reloads_fail("stackup ends");
    }

    fn complete(&mut self, now: Instant) {
        let ready =
            |gathering: &Gathering| gathering.missing.is_empty() || gathering.deadline <= now;
        let done: Vec<_> = self
            .statuses
            .iter()
            .filter(|(_, gathering)| ready(gathering))
            .map(|(query, _)| *query)
            .collect();
        for gathering in done.iter().filter_map(|query| self.statuses.remove(query)) {
            gathering.finish();
        }
    }
}

impl Gathering {
    fn finish(mut self) {
        if let Some(workers) = self.own["workers"].as_array_mut() {
            for worker in workers {
                let number = worker["number"]
                    .as_u64()
                    .and_then(|number| u32::try_from(number).ok());
                let part = number.and_then(|number| self.parts.remove(&number));
                // One that does not answer is worth knowing of.
                worker["status"] = part.unwrap_or(Value::Null);
            }
        }
        tell(self.asker, Reply::done("", self.own));
    }
}

/// Who has asked may have left.
pub(super) fn tell(asker: Asker, reply: Reply) {
    let _ = asker.send(reply);
}

fn verdict(record: &Record) -> Reply {
    let Record {
        number,
        generation,
        milliseconds,
        ..
    } = record;
    let mut text = match record.outcome {
        Verdict::Swapped => {
            format!("reload {number}: generation {generation} serves after {milliseconds:.1} ms")
        }
        Verdict::Unchanged => {
            format!("reload {number}: nothing has changed, generation {generation} goes on serving")
        }
        Verdict::Refused => {
            let why = record.error.as_deref().unwrap_or_default().trim_end();
            format!("{why}\n\nreload {number} is refused: generation {generation} goes on serving")
        }
    };
    for change in &record.changes {
        text.push_str("\n  ");
        text.push_str(change);
    }
    Reply {
        ok: record.outcome != Verdict::Refused,
        text,
        value: json!(record),
    }
}
