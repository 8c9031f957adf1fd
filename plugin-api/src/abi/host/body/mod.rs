//! A body on the host's side.

mod file;
pub(super) mod fork;

use std::pin::Pin;
use std::task::{Context, Poll};

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::Tuple2;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body::{Body, Frame, SizeHint};

pub use self::file::{FileBody, FilePart};
use crate::abi::body::{BodyTable, BodyTableRef, RawBody, RawFile, RawFrame, RawSizeHint};
use crate::abi::host::failure::Failure;
use crate::abi::slice::RawSlice;
use crate::abi::waker::{self, RawWaker};

/// A body made by the host or by a plugin.
#[derive(Default)]
pub enum HostBody {
    /// No bytes.
    #[default]
    Empty,
    /// All bytes, in one chunk.
    Full(Bytes),
    /// A body of the host, read frame by frame.
    Stream(Pin<Box<dyn Body<Data = Bytes, Error = Failure> + Send>>),
    /// A body made by a plugin.
    Plugin(RawBody),
    /// A body whose bytes are also in a file.
    File(Box<FileBody>),
}

impl HostBody {
    /// Receives a body from across the boundary.
    pub(crate) fn from_raw(raw: RawBody) -> Self {
        match raw.into_data_of(table(&TABLE)) {
            // SAFETY: bodies with this table are boxed `HostBody`s, and the data is ours now.
            Ok(data) => *unsafe { Box::from_raw(data.cast::<Self>()) },
            Err(raw) => match raw.into_data_of(table(&EMPTY)) {
                Ok(_) => Self::Empty,
                Err(raw) => Self::Plugin(raw),
            },
        }
    }

    /// Passes the body across the boundary.
    pub(crate) fn into_raw(self) -> RawBody {
        match self {
            Self::Plugin(raw) => raw,
            // SAFETY: the table's functions take a boxed `HostBody`; an empty one needs no memory.
            Self::Empty => unsafe { RawBody::new(std::ptr::null_mut(), table(&EMPTY)) },
            // SAFETY: as above.
            body => unsafe { RawBody::new(Box::into_raw(Box::new(body)).cast(), table(&TABLE)) },
        }
    }
}

impl Body for HostBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        match this {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Stream(body) => body.as_mut().poll_frame(cx),
            Self::Plugin(raw) => {
                // SAFETY: the waker is lent for the call.
                let frame = waker::lend(cx.waker(), |waker| unsafe { raw.poll_frame(waker) });
                match frame {
                    RawFrame::Pending => Poll::Pending,
                    RawFrame::Data(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes.into())))),
                    RawFrame::Trailers(list) => {
                        let trailers = list
                            .iter()
                            .map(|Tuple2(name, value)| (&name[..], &value[..]));
                        Poll::Ready(Some(trailer_map(trailers).map(Frame::trailers)))
                    }
                    // SAFETY: the frame hands the error over.
                    RawFrame::Failed(error) => {
                        Poll::Ready(Some(Err(unsafe { Failure::from_object(error) })))
                    }
                    RawFrame::End => {
                        *this = Self::Empty;
                        Poll::Ready(None)
                    }
                }
            }
            Self::File(file) => {
                // After its first frame, the rest is not the whole part of the file.
                *this = std::mem::take(&mut file.body);
                Pin::new(this).poll_frame(cx)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
            Self::Plugin(raw) => raw.is_end(),
            Self::File(file) => file.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(body) => body.size_hint(),
            Self::Plugin(raw) => raw.size_hint(),
            Self::File(file) => file.body.size_hint(),
        }
    }
}

fn trailer_map<'a>(
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<HeaderMap, Failure> {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let field = HeaderName::from_bytes(name)
            .ok()
            .zip(HeaderValue::from_bytes(value).ok());
        let Some((name, value)) = field else {
            let name = String::from_utf8_lossy(name).into_owned();
            let message = format!("the trailer `{name}` is not a valid header field");
            return Err(Failure::body(StatusCode::INTERNAL_SERVER_ERROR, message));
        };
        map.append(name, value);
    }
    Ok(map)
}

/// # Safety
///
/// `data` belongs to [`TABLE`] and is not used elsewhere during `'a`.
unsafe fn body_mut<'a>(data: *mut ()) -> &'a mut HostBody {
    // SAFETY: the caller's promise.
    unsafe { &mut *data.cast() }
}

unsafe extern "C" fn poll_frame(data: *mut (), raw_waker: *const RawWaker) -> RawFrame {
    // SAFETY: the plugin holds the only handle, borrowed mutably for the call.
    let body = unsafe { body_mut(data) };
    // SAFETY: the waker is lent for this call.
    let polled = unsafe {
        waker::borrow(raw_waker, |waker| {
            Pin::new(body).poll_frame(&mut Context::from_waker(waker))
        })
    };
    match polled {
        Poll::Pending => RawFrame::Pending,
        Poll::Ready(None) => RawFrame::End,
        Poll::Ready(Some(Err(failure))) => RawFrame::Failed(failure.into_object()),
        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
            Ok(bytes) => RawFrame::Data(bytes.into()),
            Err(frame) => frame.into_trailers().map_or(RawFrame::End, |map| {
                let pair = |(name, value): (&HeaderName, &HeaderValue)| {
                    Tuple2(name.as_str().as_bytes().into(), value.as_bytes().into())
                };
                RawFrame::Trailers(map.iter().map(pair).collect())
            }),
        },
    }
}

unsafe extern "C" fn size_hint(data: *const ()) -> RawSizeHint {
    // SAFETY: the plugin's handle is alive and borrowed.
    unsafe { &*data.cast::<HostBody>() }.size_hint().into()
}

unsafe extern "C" fn is_end(data: *const ()) -> bool {
    // SAFETY: the plugin's handle is alive and borrowed.
    unsafe { &*data.cast::<HostBody>() }.is_end_stream()
}

unsafe extern "C" fn free(data: *mut ()) {
    // SAFETY: the handle is given up; the data came from `Box::into_raw`.
    drop(unsafe { Box::from_raw(data.cast::<HostBody>()) });
}

unsafe extern "C" fn empty_frame(_data: *mut (), _waker: *const RawWaker) -> RawFrame {
    RawFrame::End
}
unsafe extern "C" fn empty_hint(_data: *const ()) -> RawSizeHint {
    RawSizeHint {
        lower: 0,
        upper: 0,
        has_upper: true,
    }
}
unsafe extern "C" fn empty_end(_data: *const ()) -> bool {
    true
}
unsafe extern "C" fn empty_free(_data: *mut ()) {}

/// Statics, not constants: the address of the table identifies the host's own bodies.
static TABLE: WithMetadata<BodyTable> = WithMetadata::new(BodyTable {
    poll_frame,
    size_hint,
    is_end,
    drop: free,
});

static EMPTY: WithMetadata<BodyTable> = WithMetadata::new(BodyTable {
    poll_frame: empty_frame,
    size_hint: empty_hint,
    is_end: empty_end,
    drop: empty_free,
});

fn table(table: &'static WithMetadata<BodyTable>) -> BodyTableRef {
    BodyTableRef(table.static_as_prefix())
}

pub(super) unsafe extern "C" fn full(bytes: RawSlice<'_>) -> RawBody {
    match bytes.or_empty() {
        [] => HostBody::Empty,
        bytes => HostBody::Full(Bytes::copy_from_slice(bytes)),
    }
    .into_raw()
}

pub(super) unsafe extern "C" fn with_file(body: RawBody, file: RawFile, start: u64) -> RawBody {
    FileBody::of(HostBody::from_raw(body), file, start).into_raw()
}
