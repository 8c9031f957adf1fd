//! Plays requests through two generations, on a thread of its own: a handler may block it without harm to clients.

use std::io;
use std::sync::{Arc, Weak};
use std::thread;

use http::StatusCode;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::answer::Answer;
use super::compare::{Difference, are_same, difference};
use super::play::play;
use super::request::ReplayRequest;
use crate::serve::generation::Generation;
use crate::services::{own_threads, replaying};

/// What has happened to a request.
#[derive(Debug)]
pub(super) enum Progress {
    /// It goes to old or to new code.
    Sent { index: usize, to_new: bool },
    /// Both have answered it: this differs, if anything does.
    Compared {
        index: usize,
        difference: Option<Difference>,
    },
}

/// Two generations and the requests for them. It holds each only while that one answers.
pub(super) struct Player {
    pub(super) active: Weak<Generation>,
    pub(super) next: Weak<Generation>,
    pub(super) requests: Arc<[ReplayRequest]>,
    pub(super) progress: mpsc::UnboundedSender<Progress>,
}

impl Player {
    /// Starts the thread; it ends after the last request, or when the other half of `stop` is dropped. Call it within the runtime.
    pub(super) fn start(self, stop: oneshot::Receiver<()>) -> io::Result<()> {
        let runtime = Handle::current();
        let thread = thread::Builder::new().name("stackup-replay".to_owned());
        let started = thread.spawn(move || {
            own_threads::enter();
            replaying::enter();
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = stop => {}
                    () = self.play_all() => {}
                }
            });
            own_threads::leave();
        });
        started.map(drop)
    }

    async fn play_all(&self) {
        for (index, request) in self.requests.iter().enumerate() {
            // A generation that has ended plays nothing more.
            let Some(difference) = self.compare(index, request).await else {
                return;
            };
            let _ = self.progress.send(Progress::Compared { index, difference });
        }
    }

    /// How the two answers to a request differ. Old code that answers as the new code does gets it once.
    async fn compare(&self, index: usize, request: &ReplayRequest) -> Option<Option<Difference>> {
        let before = match request.failed {
            // The client has its answer; the old code need not fail once more.
            true => failed_before(request.status),
            false => self.send(index, request, false).await?,
        };
        let after = self.send(index, request, true).await?;
        if are_same(&before, &after) {
            return Some(None);
        }
        let again = match request.failed {
            true => None,
            false => Some(self.send(index, request, false).await?),
        };
        Some(difference(&before, again.as_ref(), &after))
    }

    async fn send(&self, index: usize, request: &ReplayRequest, to_new: bool) -> Option<Answer> {
        let generation = if to_new { &self.next } else { &self.active };
        let generation = generation.upgrade()?;
        let _ = self.progress.send(Progress::Sent { index, to_new });
        play(request, &generation).await
    }
}

/// The answer that a client got.
fn failed_before(status: StatusCode) -> Answer {
    let why = String::new();
    Answer::Failed { status, why }
}
