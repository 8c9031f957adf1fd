//! One replay, bounded in time. It holds both generations until it ends, so that they can answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::compare::Difference;
use super::play::LIMIT;
use super::player::{Player, Progress};
use super::report::{Differing, Report};
use super::request::ReplayRequest;
use crate::serve::generation::Generation;

/// How long a replay may take.
const ALL: Duration = Duration::from_secs(5);

/// A handler that takes so long blocks its thread.
const BLOCKED: Duration = LIMIT.saturating_add(Duration::from_millis(500));

/// The generations, and the requests to play.
pub(super) struct Session {
    pub(super) active: Arc<Generation>,
    pub(super) next: Arc<Generation>,
    pub(super) requests: Arc<[ReplayRequest]>,
}

impl Session {
    /// Plays them until `over`. Returns what was found until then.
    pub(super) async fn run(self, over: impl Future<Output = ()>) -> Report {
        let Self {
            active,
            next,
            requests,
        } = &self;
        let mut report = Report::new(active.number, next.number, requests.len());
        let (progress, mut received) = mpsc::unbounded_channel();
        let (going, stop) = oneshot::channel();
        let player = Player {
            active: Arc::downgrade(active),
            next: Arc::downgrade(next),
            requests: Arc::clone(requests),
            progress,
        };
        if let Err(error) = player.start(stop) {
            tracing::debug!(event = "replay", "no thread to play requests on: {error}");
            return report;
        }
        let end = Instant::now() + ALL;
        let mut over = std::pin::pin!(over);
        let mut sent = None;
        loop {
            let patience = (Instant::now() + BLOCKED).min(end);
            tokio::select! {
                progress = received.recv() => match progress {
                    Some(Progress::Sent { index, to_new }) => sent = Some((index, to_new)),
                    Some(Progress::Compared { index, difference }) => {
                        let differing = difference.map(|found| Differing::new(&requests[index], found));
                        report.add(differing);
                        sent = None;
                    }
                    None => break,
                },
                () = &mut over => break,
                () = tokio::time::sleep_until(patience) => {
                    // The old code has answered: the new code blocks.
                    if let Some((index, true)) = sent.filter(|_| patience < end) {
                        let request = &requests[index];
                        report.add(Some(Differing::new(request, blocked(request))));
                    }
                    break;
                }
            }
        }
        drop(going);
        report
    }
}

/// The new code blocks its thread, so it has no answer.
fn blocked(request: &ReplayRequest) -> Difference {
    let after = format!("no answer within {BLOCKED:?}: it blocks its thread");
    Difference {
        outcome: Some((request.status.as_u16().to_string(), after)),
        headers: Vec::new(),
        body: None,
    }
}
