//! A body: bytes that are complete, or that arrive frame by frame.

mod adapt;
mod channel;
mod peek;
mod rewrite;
mod sync;

use std::any::Any;
use std::fmt;
use std::fs::File;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::{HeaderMap, StatusCode};
use http_body::{Frame, SizeHint};

use crate::Error;
use crate::abi::plugin::body::BodyHandle;

pub(crate) use self::channel::Writer;
pub use self::channel::{Gone, Sender};
pub use self::rewrite::Rewrite;
pub use self::sync::SyncBody;

/// Larger bodies are shared with the host instead of copied.
const COPY_LIMIT: usize = 16 * 1024;

/// The body of a request or a response. It is an [`http_body::Body`] and can be read once.
pub struct Body {
    handle: BodyHandle,
}

/// A body read to its end.
#[derive(Debug, Clone, Default)]
pub struct Collected {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its trailers, if any.
    pub trailers: Option<HeaderMap>,
}

/// How a body ended, for [`Body::on_end`].
#[derive(Debug)]
pub enum End<'a> {
    /// It was read to its end.
    Complete,
    /// It failed.
    Failed(&'a Error),
    /// It was dropped before its end: the client left, or the reader did not need the rest.
    Dropped,
}

impl Body {
    pub(crate) fn from_handle(handle: BodyHandle) -> Self {
        Self { handle }
    }

    pub(crate) fn into_handle(self) -> BodyHandle {
        self.handle
    }

    /// No bytes.
    pub fn empty() -> Self {
        Self::from_handle(BodyHandle::full(b""))
    }

    /// A body from any [`http_body::Body`]; one of this type stays as it is.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data: Into<Bytes>, Error: Into<Error>> + Send + 'static,
    {
        let mut body = Some(body);
        let same = (&mut body as &mut dyn Any).downcast_mut::<Option<Self>>();
        match (same.and_then(Option::take), body) {
            (Some(same), _) => same,
            (None, Some(other)) => Self::from_handle(BodyHandle::own(adapt::Converted::new(other))),
            (None, None) => Self::empty(),
        }
    }

    /// A body from a stream of chunks.
    pub fn from_stream<S, T, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: Into<Bytes>,
        E: Into<Error>,
    {
        Self::from_handle(BodyHandle::own(adapt::Streamed::new(stream)))
    }

    /// A body whose frames are sent through a channel. The sender waits while `capacity` frames are unread.
    pub fn channel(capacity: usize) -> (Sender, Self) {
        let (sender, receiver) = channel::channel(capacity);
        (sender, Self::from_handle(BodyHandle::own(receiver)))
    }

    /// The next frame, data or trailers; `None` at the end.
    pub async fn frame(&mut self) -> Option<Result<Frame<Bytes>, Error>> {
        std::future::poll_fn(|cx| self.poll_frame(cx)).await
    }

    /// As [`frame`](Self::frame), for a body of your own around this one.
    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.handle.poll_frame(cx)
    }

    /// The body for crates that want one that is `Sync`, such as reqwest. Trailers pass.
    pub fn into_sync(self) -> SyncBody {
        SyncBody(Mutex::new(self))
    }

    /// Reads all of it, up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// The body fails, or is longer than `limit`, which is an error with status 413 (RFC 9110 §15.5.14).
    pub async fn collect(mut self, limit: usize) -> Result<Collected, Error> {
        let mut all = BytesMut::new();
        let mut first: Option<Bytes> = None;
        let mut trailers = None;
        while let Some(frame) = self.frame().await {
            let data = match frame?.into_data() {
                Ok(data) => data,
                Err(frame) => {
                    trailers = frame.into_trailers().ok();
                    continue;
                }
            };
            let length = first.as_ref().map_or(all.len(), Bytes::len) + data.len();
            if length > limit {
                let message = format!("the body is longer than the limit of {limit} bytes");
                return Err(Error::body(StatusCode::PAYLOAD_TOO_LARGE, message));
            }
            // Most bodies are one chunk and need no copy.
            if all.is_empty() && first.is_none() {
                first = Some(data);
            } else {
                if let Some(first) = first.take() {
                    all.extend_from_slice(&first);
                }
                all.extend_from_slice(&data);
            }
        }
        Ok(Collected {
            bytes: first.unwrap_or_else(|| all.freeze()),
            trailers,
        })
    }

    /// The bytes, if the body is one chunk that is available now (Rack's `to_ary`). It never waits, so it
    /// is safe on a streaming body.
    ///
    /// # Errors
    ///
    /// The body, unchanged, to be passed on.
    pub fn into_bytes(self) -> Result<Bytes, Self> {
        peek::single_chunk(self)
    }

    /// Puts chunks back in front of the body, such as those read to inspect it.
    #[must_use]
    pub fn prepend(self, chunks: impl IntoIterator<Item = Bytes>) -> Self {
        self.prepend_frames(chunks.into_iter().map(|chunk| Ok(Frame::data(chunk))))
    }

    fn prepend_frames(self, frames: impl IntoIterator<Item = Result<Frame<Bytes>, Error>>) -> Self {
        Self::from_handle(BodyHandle::own(peek::Prepended::new(frames, self)))
    }

    /// Bounds on the remaining bytes.
    pub fn size_hint(&self) -> SizeHint {
        self.handle.size_hint()
    }

    /// Whether the body is known to be at its end.
    pub fn is_end(&self) -> bool {
        self.handle.is_end()
    }

    /// Maps each chunk through `f` as it arrives. Trailers pass unchanged, and nothing is buffered.
    #[must_use]
    pub fn map_chunks<F>(self, mut f: F) -> Self
    where
        F: FnMut(Bytes) -> Bytes + Send + 'static,
    {
        self.map_frames(move |frame| frame.map_data(&mut f))
    }

    /// Maps each frame through `f` as it arrives.
    #[must_use]
    pub fn map_frames<F>(self, f: F) -> Self
    where
        F: FnMut(Frame<Bytes>) -> Frame<Bytes> + Send + 'static,
    {
        Self::from_handle(BodyHandle::own(adapt::Mapped::new(self, f)))
    }

    /// Passes the body through `rewrite`, which may hold bytes back until a later chunk or the end.
    #[must_use]
    pub fn rewrite(self, rewrite: impl Rewrite) -> Self {
        Self::from_handle(BodyHandle::own(rewrite::Rewritten::new(self, rewrite)))
    }

    /// Says that the bytes of this body are also in a regular file, from byte `start` on: a host that sends it unchanged may leave that to the
    /// system (`sendfile`), and then reads nothing of the body. A layer above that reads the body gets its frames as ever. Has no effect on
    /// a body without an exact length.
    #[must_use]
    pub fn with_file(self, file: Arc<File>, start: u64) -> Self {
        Self::from_handle(self.handle.with_file(file, start))
    }

    /// Calls `f` once when the body has ended, failed or been dropped, with the number of bytes read.
    #[must_use]
    pub fn on_end<F>(self, f: F) -> Self
    where
        F: FnOnce(End<'_>, u64) + Send + 'static,
    {
        Self::from_handle(BodyHandle::own(adapt::OnEnd::new(self, f)))
    }
}

/// For other crates. Their errors are boxed; `?` finds an [`Error`] in them again, and a body that is too long has the error by which they
/// know that (`http_body_util::LengthLimitError`; with it axum answers 413).
impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = self.get_mut().poll_frame(cx);
        frame.map(|frame| frame.map(|frame| frame.map_err(Error::into_boxed)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.size_hint()
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("size_hint", &self.size_hint())
            .finish_non_exhaustive()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.len() <= COPY_LIMIT {
            return Self::from_handle(BodyHandle::full(&bytes));
        }
        Self::from_handle(BodyHandle::own(adapt::Once::new(bytes)))
    }
}

macro_rules! from_bytes {
    ($($type:ty),*) => {$(
        impl From<$type> for Body {
            fn from(bytes: $type) -> Self {
                Bytes::from(bytes).into()
            }
        }
    )*};
}

from_bytes!(Vec<u8>, String, &'static str, &'static [u8]);

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}
