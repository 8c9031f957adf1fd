//! The types that a handler may return instead of a [`Response`].

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use crate::{AsName, AsValue, Body, Error, Response, Result};

/// A value that converts to a response.
pub trait IntoResponse {
    /// Converts it.
    ///
    /// # Errors
    ///
    /// An [`Err`], a value that can't be JSON, or an invalid header.
    fn into_response(self) -> Result;
}

const TEXT: &str = "text/plain; charset=utf-8";

/// A response of type `application/json`.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// A response of type `text/html; charset=utf-8`.
#[derive(Debug, Clone, Copy)]
pub struct Html<T>(pub T);

impl IntoResponse for Response {
    fn into_response(self) -> Result {
        Ok(self)
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Result {
        Ok(Response::new(StatusCode::OK))
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self) -> Result {
        Ok(Response::new(self))
    }
}

impl IntoResponse for &str {
    fn into_response(self) -> Result {
        Ok(Response::with(StatusCode::OK, Some(TEXT), self.as_bytes()))
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Result {
        self.as_str().into_response()
    }
}

impl IntoResponse for std::borrow::Cow<'_, str> {
    fn into_response(self) -> Result {
        (*self).into_response()
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Result {
        let mut response = Response::new(StatusCode::OK);
        response.set_body(self);
        Ok(response)
    }
}

macro_rules! bytes {
    ($($type:ty),*) => {$(
        impl IntoResponse for $type {
            fn into_response(self) -> Result {
                let mut response = Body::from(self).into_response()?;
                response.headers_mut().insert("content-type", "application/octet-stream")?;
                Ok(response)
            }
        }
    )*};
}

bytes!(Bytes, Vec<u8>, &'static [u8]);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Result {
        let text = serde_json::to_vec(&self.0)?;
        Ok(Response::with(
            StatusCode::OK,
            Some("application/json"),
            &text,
        ))
    }
}

impl IntoResponse for serde_json::Value {
    fn into_response(self) -> Result {
        Json(self).into_response()
    }
}

impl<T: AsRef<str>> IntoResponse for Html<T> {
    fn into_response(self) -> Result {
        let html = self.0.as_ref().as_bytes();
        Ok(Response::with(
            StatusCode::OK,
            Some("text/html; charset=utf-8"),
            html,
        ))
    }
}

impl<T: IntoResponse, E: Into<Error>> IntoResponse for std::result::Result<T, E> {
    fn into_response(self) -> Result {
        self.map_err(Into::into)?.into_response()
    }
}

impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    fn into_response(self) -> Result {
        let (status, content) = self;
        let mut response = content.into_response()?;
        response.set_status(status);
        Ok(response)
    }
}

impl<H: IntoFields, T: IntoResponse> IntoResponse for (StatusCode, H, T) {
    fn into_response(self) -> Result {
        let (status, headers, content) = self;
        let mut response = (status, content).into_response()?;
        headers.set_on(&mut response)?;
        Ok(response)
    }
}

impl<H: IntoFields, T: IntoResponse> IntoResponse for (H, T) {
    fn into_response(self) -> Result {
        let (headers, content) = self;
        let mut response = content.into_response()?;
        headers.set_on(&mut response)?;
        Ok(response)
    }
}

/// Headers for a response: an array or `Vec` of pairs, or an [`http::HeaderMap`].
pub trait IntoFields {
    /// Sets the headers.
    ///
    /// # Errors
    ///
    /// Same as [`HeadersMut::insert`](crate::HeadersMut::insert).
    fn set_on(self, response: &mut Response) -> Result<()>;
}

impl<N: AsName, V: AsValue, const COUNT: usize> IntoFields for [(N, V); COUNT] {
    fn set_on(self, response: &mut Response) -> Result<()> {
        let mut headers = response.headers_mut();
        for (name, value) in self {
            headers.insert(name, value)?;
        }
        Ok(())
    }
}

impl<N: AsName, V: AsValue> IntoFields for Vec<(N, V)> {
    fn set_on(self, response: &mut Response) -> Result<()> {
        let mut headers = response.headers_mut();
        for (name, value) in self {
            headers.append(name, value)?;
        }
        Ok(())
    }
}

impl IntoFields for http::HeaderMap {
    fn set_on(self, response: &mut Response) -> Result<()> {
        let mut headers = response.headers_mut();
        for name in self.keys() {
            headers.remove(name);
        }
        for (name, value) in &self {
            headers.append(name, value)?;
        }
        Ok(())
    }
}
