//! Plugin bodies as [`RawBody`]s, and handles to bodies of either side.

use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::Tuple2;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};

use super::context::ContextHandle;
use super::scope::HandlerScope;
use super::{errors, host, panics};
use crate::Error;
use crate::abi::body::{BodyTable, BodyTableRef, RawBody, RawFrame, RawSizeHint};
use crate::abi::slice::RawSlice;
use crate::abi::waker::{self, RawWaker};

/// A body made by either side.
pub(crate) struct BodyHandle(RawBody);

impl BodyHandle {
    pub(crate) fn from_raw(raw: RawBody) -> Self {
        Self(raw)
    }

    pub(crate) fn into_raw(self) -> RawBody {
        self.0
    }

    /// All bytes, copied into host memory.
    pub(crate) fn full(bytes: &[u8]) -> Self {
        // SAFETY: an attached host's function; it copies the bytes.
        Self(unsafe { host().body_full()(RawSlice::new(bytes)) })
    }

    /// A body made by this side.
    pub(crate) fn own<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = Error> + Send + 'static,
    {
        let own = Own {
            body: Some(body),
            scope: HandlerScope::current(),
        };
        // SAFETY: the table is for this very type, which is Send.
        Self(unsafe { RawBody::new(Box::into_raw(Box::new(own)).cast(), Own::<B>::TABLE) })
    }

    /// The same body, whose bytes are those of the file from `start` on.
    pub(crate) fn with_file(self, file: Arc<File>, start: u64) -> Self {
        match host().more().and_then(|more| more.body_with_file()) {
            // SAFETY: an attached host's function, which takes both.
            Some(with_file) => Self(unsafe { with_file(self.0, file.into(), start) }),
            None => self,
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // SAFETY: the waker is lent for the call.
        let frame = waker::lend(cx.waker(), |waker| unsafe { self.0.poll_frame(waker) });
        Poll::Ready(match frame {
            RawFrame::Pending => return Poll::Pending,
            RawFrame::End => None,
            RawFrame::Data(bytes) => Some(Ok(Frame::data(bytes.into()))),
            RawFrame::Trailers(list) => {
                let mut map = HeaderMap::new();
                for Tuple2(name, value) in &list {
                    let name = HeaderName::from_bytes(name).ok();
                    if let Some((name, value)) = name.zip(HeaderValue::from_bytes(value).ok()) {
                        map.append(name, value);
                    }
                }
                Some(Ok(Frame::trailers(map)))
            }
            // SAFETY: the frame hands the error over.
            RawFrame::Failed(error) => Some(Err(unsafe { errors::from_object(error) })),
        })
    }

    pub(crate) fn is_end(&self) -> bool {
        self.0.is_end()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

struct Own<B> {
    /// `None` once it has ended, failed or panicked.
    body: Option<B>,
    scope: HandlerScope,
}

impl<B> Own<B>
where
    B: Body<Data = Bytes, Error = Error> + Send + 'static,
{
    const METADATA: &'static WithMetadata<BodyTable> = &WithMetadata::new(BodyTable {
        poll_frame: Self::poll_frame,
        size_hint: Self::size_hint,
        is_end: Self::is_end,
        drop: Self::free,
    });
    const TABLE: BodyTableRef = BodyTableRef(Self::METADATA.static_as_prefix());

    unsafe extern "C" fn poll_frame(data: *mut (), raw_waker: *const RawWaker) -> RawFrame {
        // SAFETY: the other side polls with the data of `own`, one poll at a time.
        let this = unsafe { &mut *data.cast::<Self>() };
        let Some(body) = &mut this.body else {
            return RawFrame::End;
        };
        // SAFETY: boxed in `own` and not moved until dropped in place.
        let body = unsafe { Pin::new_unchecked(body) };
        let entered = this.scope.enter();
        // SAFETY: the waker is lent for this call.
        let polled = panics::contain(|| unsafe {
            waker::borrow(raw_waker, |waker| {
                body.poll_frame(&mut Context::from_waker(waker))
            })
        });
        if let Ok(Poll::Pending) = polled {
            entered.mark_waiting();
        }
        drop(entered);
        let context = this.scope.context();
        let error = match polled {
            Ok(Poll::Pending) => return RawFrame::Pending,
            Ok(Poll::Ready(Some(Ok(frame)))) => return raw_frame(frame),
            Ok(Poll::Ready(Some(Err(error)))) => Some(error),
            Ok(Poll::Ready(None)) => None,
            Err(panic) => {
                if let Some(context) = context {
                    context.panicked(&panic);
                }
                Some(Error::panic(panic.message, panic.place))
            }
        };
        report(panics::contain(|| this.body = None), context);
        error.map_or(RawFrame::End, |error| {
            let handler = context.map_or("", ContextHandle::handler);
            RawFrame::Failed(errors::into_object(error, handler))
        })
    }

    unsafe extern "C" fn size_hint(data: *const ()) -> RawSizeHint {
        // SAFETY: the other side lends the data of `own`.
        let this = unsafe { &*data.cast::<Self>() };
        let hint = |body: &B| panics::contain(|| body.size_hint()).unwrap_or_default();
        this.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), hint)
            .into()
    }

    unsafe extern "C" fn is_end(data: *const ()) -> bool {
        // SAFETY: the other side lends the data of `own`.
        let this = unsafe { &*data.cast::<Self>() };
        let end = |body: &B| panics::contain(|| body.is_end_stream()).unwrap_or(false);
        this.body.as_ref().is_none_or(end)
    }

    unsafe extern "C" fn free(data: *mut ()) {
        // SAFETY: the data of `own`, given up by the other side.
        let mut this = unsafe { Box::from_raw(data.cast::<Self>()) };
        let body = &mut this.body;
        let entered = this.scope.enter();
        // In place: it is pinned.
        let dropped = panics::contain(|| *body = None);
        drop(entered);
        report(dropped, this.scope.context());
    }
}

fn raw_frame(frame: Frame<Bytes>) -> RawFrame {
    match frame.into_data() {
        Ok(bytes) => RawFrame::Data(bytes.into()),
        Err(frame) => frame.into_trailers().map_or(RawFrame::End, |map| {
            let pair = |(name, value): (&HeaderName, &HeaderValue)| {
                Tuple2(name.as_str().as_bytes().into(), value.as_bytes().into())
            };
            RawFrame::Trailers(map.iter().map(pair).collect())
        }),
    }
}

fn report(done: Result<(), panics::Panic>, context: Option<ContextHandle>) {
    if let Err(panic) = done {
        panic.report("the drop of a body", context);
    }
}
