//! Bodies out of the store, piece by piece.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use cache_store::{BodyId, PIECE};
use http_body::{Body as HttpBody, Frame, SizeHint};
use stackup_plugin::{Error, StatusCode, StoreError};

use crate::Entries;
use crate::fill::{Fill, Next};

type Loading = Pin<Box<dyn Future<Output = Result<Option<Bytes>, StoreError>> + Send>>;
type Polled = Poll<Option<Result<Frame<Bytes>, Error>>>;

/// A part of a stored body.
pub(crate) struct Pieces {
    entries: Entries,
    id: BodyId,
    /// The next byte, and the one after the last.
    at: u64,
    end: u64,
    loading: Option<Loading>,
}

impl Pieces {
    /// The bytes from `first` until before `end`.
    pub(crate) fn new(entries: Entries, id: BodyId, first: u64, end: u64) -> Self {
        Self {
            entries,
            id,
            at: first,
            end,
            loading: None,
        }
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = &mut *self;
        if this.at >= this.end {
            return Poll::Ready(None);
        }
        let piece = ready!(poll_piece(
            &mut this.loading,
            &this.entries,
            this.id,
            this.at,
            cx
        ));
        let left = this.end - this.at;
        Poll::Ready(Some(piece.map(|mut piece| {
            piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            this.at += piece.len() as u64;
            Frame::data(piece)
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.at >= self.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end.saturating_sub(self.at))
    }
}

/// The body of a response that is being filled.
pub(crate) struct Reader {
    fill: Arc<Fill>,
    slot: usize,
    at: u64,
    ended: bool,
    loading: Option<Loading>,
}

impl Reader {
    /// A reader from the beginning; `None` if it would miss something.
    pub(crate) fn join(fill: &Arc<Fill>) -> Option<Self> {
        let slot = fill.join()?;
        Some(Self {
            fill: Arc::clone(fill),
            slot,
            at: 0,
            ended: false,
            loading: None,
        })
    }
}

impl HttpBody for Reader {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let next = match this.loading {
            Some(_) => Next::Piece,
            None => ready!(this.fill.poll_next(this.slot, this.at, cx)),
        };
        let chunk = match next {
            Next::Chunk(chunk) => chunk,
            Next::Piece => {
                let (entries, id) = (this.fill.entries(), this.fill.id);
                match ready!(poll_piece(&mut this.loading, entries, id, this.at, cx)) {
                    Ok(piece) => piece,
                    Err(error) => {
                        this.ended = true;
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
            Next::End(trailers) => {
                this.ended = true;
                return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
            }
            Next::Failed(error) => {
                this.ended = true;
                return Poll::Ready(Some(Err(error)));
            }
        };
        this.at += chunk.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        match self.fill.declared {
            Some(length) => SizeHint::with_exact(length.saturating_sub(self.at)),
            None => SizeHint::default(),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.fill.leave(self.slot);
    }
}

/// The bytes from `at` to the end of their piece.
fn poll_piece(
    loading: &mut Option<Loading>,
    entries: &Entries,
    id: BodyId,
    at: u64,
    cx: &mut Context<'_>,
) -> Poll<Result<Bytes, Error>> {
    let (index, offset) = (at / PIECE as u64, at % PIECE as u64);
    let future = loading.get_or_insert_with(|| {
        let entries = entries.clone();
        Box::pin(async move { entries.piece(&id, index).await })
    });
    let loaded = ready!(future.as_mut().poll(cx));
    *loading = None;
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    Poll::Ready(match loaded {
        Ok(Some(piece)) if offset < piece.len() => Ok(piece.slice(offset..)),
        Ok(_) => {
            let message = "the store has dropped a part of the cached response";
            Err(Error::new(StatusCode::SERVICE_UNAVAILABLE, message))
        }
        Err(error) => Err(error.into()),
    })
}
