//! A response on its way into the store, read by all who wait for it while it comes.
//!
//! What came since the last whole piece is in memory, the pieces before are in the store. So a reader may begin at any time, and
//! the fill needs no reader: it goes on when the client that began it has left.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use cache_store::{BodyId, Content, PIECE};
use stackup_plugin::http::HeaderMap;
use stackup_plugin::{Body, Error, StatusCode};

use crate::Entries;
use crate::tail::Tail;

/// The bytes of a response, as they come.
#[derive(Debug)]
pub(crate) struct Fill {
    state: Mutex<State>,
    entries: Entries,
    pub(crate) id: BodyId,
    /// Its length, if that is known before.
    pub(crate) declared: Option<u64>,
}

#[derive(Debug, Default)]
struct State {
    tail: Tail,
    /// The bytes are no longer stored: they only go to readers, who are waited for.
    unstored: bool,
    end: Option<End>,
    trailers: Option<HeaderMap>,
    readers: Vec<Option<Position>>,
    producer: Option<Waker>,
}

#[derive(Debug, Clone)]
enum End {
    Complete,
    Failed(StatusCode, String),
}

#[derive(Debug, Default)]
struct Position {
    at: u64,
    waker: Option<Waker>,
}

/// What a reader gets next.
pub(crate) enum Next {
    /// Bytes.
    Chunk(Bytes),
    /// They are in a piece of the store.
    Piece,
    /// Nothing more.
    End(Option<HeaderMap>),
    /// The response failed.
    Failed(Error),
}

impl Fill {
    pub(crate) fn new(entries: Entries, id: BodyId, declared: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            entries,
            id,
            declared,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads `body` to its end. Returns what to store of it: nothing if it failed, is longer than `most`, or the store failed.
    pub(crate) async fn run(&self, body: Body, most: u64, ttl: Duration) -> Option<Content> {
        let mut guard = Unfinished(Some(self));
        let outcome = self.read(body, most, ttl).await;
        guard.0 = None;
        let end = match outcome {
            Ok(()) => End::Complete,
            Err(error) => End::Failed(error.status(), error.message().to_owned()),
        };
        let complete = matches!(end, End::Complete) && self.has_declared_length();
        let content = match complete {
            true => self.content(ttl).await,
            false => None,
        };
        self.end(end);
        if content.is_none() {
            let pieces = self.state().tail.stored() / PIECE as u64;
            // Whoever still reads them gets an error; only a body that failed or is too long comes here.
            if self.readers() == 0 {
                let _ = self.entries.remove_pieces(&self.id, pieces).await;
            }
        }
        content
    }

    async fn read(&self, mut body: Body, most: u64, ttl: Duration) -> Result<(), Error> {
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(data) => self.push(data),
                Err(frame) => self.state().trailers = frame.into_trailers().ok(),
            }
            if self.state().tail.total() > most {
                self.state().unstored = true;
            }
            self.store_pieces(ttl).await;
            if !self.wait_for_readers().await {
                return Err(Error::msg("nobody reads the response any more"));
            }
        }
        Ok(())
    }

    fn push(&self, data: Bytes) {
        if data.is_empty() {
            return;
        }
        let mut state = self.state();
        state.tail.push(data);
        wake_readers(state);
    }

    /// Moves whole pieces from memory to the store.
    async fn store_pieces(&self, ttl: Duration) {
        loop {
            let piece = self.state().whole_piece();
            let Some((index, piece)) = piece else { return };
            match self.entries.add_piece(&self.id, index, &piece, ttl).await {
                Ok(()) => self.state().tail.forget_first(piece.len()),
                Err(_) => self.state().unstored = true,
            }
        }
    }

    /// Where the bytes are no longer stored, waits until there is room in memory; `false` if nobody needs them.
    async fn wait_for_readers(&self) -> bool {
        poll_fn(|cx| {
            let mut state = self.state();
            if !state.unstored {
                return Poll::Ready(true);
            }
            let positions = state.readers.iter().flatten();
            let Some(slowest) = positions.map(|position| position.at).min() else {
                return Poll::Ready(false);
            };
            state.tail.forget_until(slowest);
            if state.tail.total() - slowest < PIECE as u64 {
                return Poll::Ready(true);
            }
            state.producer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn has_declared_length(&self) -> bool {
        let state = self.state();
        !state.unstored
            && self
                .declared
                .is_none_or(|declared| declared == state.tail.total())
    }

    /// The whole content, stored but for a body that is a single piece.
    async fn content(&self, ttl: Duration) -> Option<Content> {
        let (stored, total, rest) = {
            let state = self.state();
            (state.tail.stored(), state.tail.total(), state.tail.rest())
        };
        if stored == 0 {
            return Some(Content::Inline(rest));
        }
        if !rest.is_empty() {
            let index = stored / PIECE as u64;
            let stored = self.entries.add_piece(&self.id, index, &rest, ttl).await;
            stored.ok()?;
        }
        Some(Content::Pieces {
            id: self.id,
            length: total,
        })
    }

    fn end(&self, end: End) {
        let mut state = self.state();
        state.end = Some(end);
        wake_readers(state);
    }

    fn readers(&self) -> usize {
        self.state().readers.iter().flatten().count()
    }

    /// Adds a reader at the beginning; `None` if it would miss something.
    pub(crate) fn join(&self) -> Option<usize> {
        let mut state = self.state();
        if state.unstored && state.tail.total() > 0 {
            return None;
        }
        let free = state.readers.iter().position(Option::is_none);
        let slot = free.unwrap_or(state.readers.len());
        if slot == state.readers.len() {
            state.readers.push(None);
        }
        state.readers[slot] = Some(Position::default());
        Some(slot)
    }

    /// Removes a reader.
    pub(crate) fn leave(&self, slot: usize) {
        let mut state = self.state();
        if let Some(reader) = state.readers.get_mut(slot) {
            *reader = None;
        }
        let producer = state.producer.take();
        drop(state);
        producer.into_iter().for_each(Waker::wake);
    }

    /// What follows the byte `at`.
    pub(crate) fn poll_next(&self, slot: usize, at: u64, cx: &Context<'_>) -> Poll<Next> {
        let mut state = self.state();
        let next = state.next(at);
        let waker = next.is_none().then(|| cx.waker().clone());
        state.readers[slot] = Some(Position { at, waker });
        let producer = state.producer.take();
        drop(state);
        producer.into_iter().for_each(Waker::wake);
        next.map_or(Poll::Pending, Poll::Ready)
    }

    /// Where the pieces are.
    pub(crate) fn entries(&self) -> &Entries {
        &self.entries
    }
}

impl State {
    /// What follows the byte `at`; `None` if it has not come yet.
    fn next(&self, at: u64) -> Option<Next> {
        if at < self.tail.stored() {
            return Some(Next::Piece);
        }
        if let Some(chunk) = self.tail.chunk_at(at) {
            return Some(Next::Chunk(chunk));
        }
        Some(match self.end.as_ref()? {
            End::Complete => Next::End(self.trailers.clone()),
            End::Failed(status, message) => Next::Failed(Error::new(*status, message)),
        })
    }

    /// A piece's number and bytes, if a whole one is in memory and may be stored.
    fn whole_piece(&self) -> Option<(u64, Bytes)> {
        (!self.unstored).then(|| self.tail.whole_piece()).flatten()
    }
}

fn wake_readers(mut state: MutexGuard<'_, State>) {
    let readers = state.readers.iter_mut().flatten();
    let wakers: Vec<_> = readers.filter_map(|reader| reader.waker.take()).collect();
    drop(state);
    wakers.into_iter().for_each(Waker::wake);
}

/// A fill whose task is dropped fails, so that nobody waits for it for ever.
struct Unfinished<'a>(Option<&'a Fill>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(fill) = self.0 {
            let message = "the response was cut off: its stack has drained".to_owned();
            fill.end(End::Failed(StatusCode::SERVICE_UNAVAILABLE, message));
        }
    }
}
