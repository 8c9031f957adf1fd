//! Errors of other crates, and an [`Error`] as one of theirs.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;
use http_body_util::{Full, LengthLimitError, Limited};

use super::{Error, Kind};
use crate::author::fetch::FetchError;
use crate::author::store::StoreError;

type Boxed = Box<dyn StdError + Send + Sync>;

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Error {
    fn from(error: E) -> Self {
        match error.into().downcast::<AsStd>() {
            Ok(own) => own.0,
            Err(foreign) => from_foreign(&*foreign),
        }
    }
}

impl Error {
    /// The error for crates that take a [`std::error::Error`]. This type can't be one, since it has `From` for all of
    /// them. `?` makes the same error of it again, also where it is the cause of another one.
    ///
    /// ```
    /// use stackup_plugin::{Error, StatusCode};
    ///
    /// let error = Error::new(StatusCode::GONE, "it was here").into_std();
    /// let passed_on = std::io::Error::other(error);
    /// assert_eq!(Error::from(passed_on).status(), StatusCode::GONE);
    /// ```
    pub fn into_std(self) -> impl StdError + Send + Sync + 'static {
        AsStd(self)
    }

    /// The same, as bodies of other crates have it: a body that is too long has the error by which they know that.
    pub(crate) fn into_boxed(self) -> Boxed {
        let too_long = self.kind() == Kind::Body && self.status() == StatusCode::PAYLOAD_TOO_LARGE;
        match too_long.then(length_limit_error).flatten() {
            Some(error) => error,
            None => Box::new(AsStd(self)),
        }
    }
}

/// The error of another crate. What is known about one of its causes is known about it.
fn from_foreign(error: &(dyn StdError + 'static)) -> Error {
    let mut message = error.to_string();
    let mut known = known(error);
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // Many errors already include the text of their cause.
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        known = known.or_else(|| self::known(cause));
        source = cause.source();
    }
    let mut error = known.unwrap_or_else(|| Error::msg(""));
    error.0.message = message;
    error
}

/// An error of a type that says more than its text.
fn known(error: &(dyn StdError + 'static)) -> Option<Error> {
    if let Some(AsStd(own)) = error.downcast_ref() {
        let parts = &own.0;
        let (place, handler) = (parts.place.clone(), parts.handler.clone());
        let mut copy = Error::from_parts(parts.kind, parts.status, String::new(), place, handler);
        copy.0.headers = parts.headers.clone();
        return Some(copy);
    }
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return Some(Error::new(error.status(), ""));
    }
    if let Some(error) = error.downcast_ref::<FetchError>() {
        return Some(Error::new(error.status(), ""));
    }
    // std's type passes over the error that it holds: its `source` is that error's source.
    if let Some(held) = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        return known(held);
    }
    let too_long = error.is::<LengthLimitError>();
    too_long.then(|| Error::body(StatusCode::PAYLOAD_TOO_LARGE, ""))
}

/// The error of a body that is longer than allowed, as axum and others know it. Its type has no constructor.
fn length_limit_error() -> Option<Boxed> {
    let mut body = Limited::new(Full::new(Bytes::from_static(b"-")), 0);
    match Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Err(error))) => Some(error),
        _ => None,
    }
}

/// An [`Error`] as a [`std::error::Error`].
struct AsStd(Error);

impl fmt::Display for AsStd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for AsStd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for AsStd {}
