//! A body that threads may share.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::Body;

/// A [`Body`] that is `Sync`; see [`Body::into_sync`]. Only its size is looked up behind a lock.
pub struct SyncBody(pub(super) Mutex<Body>);

impl SyncBody {
    fn look<T>(&self, look: impl FnOnce(&Body) -> T) -> T {
        look(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl http_body::Body for SyncBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let body = self.get_mut().0.get_mut();
        let body = body.unwrap_or_else(PoisonError::into_inner);
        http_body::Body::poll_frame(Pin::new(body), cx)
    }

    fn is_end_stream(&self) -> bool {
        self.look(Body::is_end)
    }

    fn size_hint(&self) -> SizeHint {
        self.look(Body::size_hint)
    }
}

impl fmt::Debug for SyncBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.look(|body| body.fmt(f))
    }
}
