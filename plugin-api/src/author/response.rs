//! A response on its way up the stack.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use crate::abi::plugin::body::BodyHandle;
use crate::abi::plugin::informer::InformerHandle;
use crate::abi::plugin::response::ResponseHandle;
use crate::abi::tables::ResponseObject;
use crate::{AsName, AsValue, Body, Headers, HeadersMut, InvalidHeader};

/// A response. It lives in the host; this is the only handle to it.
pub struct Response {
    handle: ResponseHandle,
}

impl Response {
    /// An empty response.
    pub fn new(status: StatusCode) -> Self {
        Self::with(status, None, b"")
    }

    pub(crate) fn with(status: StatusCode, content_type: Option<&str>, body: &[u8]) -> Self {
        Self {
            handle: ResponseHandle::new(status.as_u16(), content_type, body),
        }
    }

    pub(crate) fn from_handle(handle: ResponseHandle) -> Self {
        Self { handle }
    }

    pub(crate) fn into_object(self) -> *mut ResponseObject {
        self.handle.into_object()
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.handle.status()).unwrap_or_default()
    }

    /// Changes the status.
    pub fn set_status(&mut self, status: StatusCode) {
        self.handle.set_status(status.as_u16());
    }

    /// Its headers.
    pub fn headers(&self) -> Headers<'_> {
        Headers::new(self.handle.headers())
    }

    /// Its headers, for editing.
    pub fn headers_mut(&mut self) -> HeadersMut<'_> {
        HeadersMut::new(self.handle.headers_mut())
    }

    /// The first value of a header, if it is visible ASCII.
    pub fn header(&self, name: impl AsName) -> Option<&str> {
        self.headers().text(name)
    }

    /// The same response with a header set.
    ///
    /// # Errors
    ///
    /// Same as [`HeadersMut::insert`].
    pub fn with_header(
        mut self,
        name: impl AsName,
        value: impl AsValue,
    ) -> Result<Self, InvalidHeader> {
        self.headers_mut().insert(name, value)?;
        Ok(self)
    }

    /// Takes the body and leaves an empty one.
    pub fn take_body(&mut self) -> Body {
        Body::from_handle(BodyHandle::from_raw(self.handle.take_body()))
    }

    /// Replaces the body. An existing `content-length` is not adjusted: fix or remove it yourself.
    pub fn set_body(&mut self, body: impl Into<Body>) {
        self.handle.set_body(body.into().into_handle().into_raw());
    }

    /// Replaces the body with what `f` returns for it.
    pub fn map_body(&mut self, f: impl FnOnce(Body) -> Body) {
        let body = self.take_body();
        self.set_body(f(body));
    }

    /// The protocol that the connection changes to, if this is the response to an upgrade ([`Request::upgrade`](crate::Request::upgrade)).
    /// Its body is then what the client gets in that protocol.
    pub fn accepted(&self) -> Option<&str> {
        self.handle.accepted()
    }

    /// Makes it a 101 that changes to `protocol`; false if the host can't.
    pub(crate) fn accept(&mut self, protocol: &str) -> bool {
        self.handle.accept(protocol)
    }

    /// Sends its head as an interim response, if there is time.
    pub(crate) fn send_as_interim(&self, client: &InformerHandle) {
        client.inform(&self.handle);
    }

    /// Converts to the `http` crate's type. [`from_http`](Self::from_http) converts back, an upgrade too.
    pub fn into_http(mut self) -> http::Response<Body> {
        let mut response = http::Response::new(self.take_body());
        if let Some(protocol) = self.accepted() {
            let accepted = Accepted(protocol.into());
            response.extensions_mut().insert(accepted);
        }
        *response.status_mut() = self.status();
        *response.headers_mut() = self.headers().to_map();
        response
    }

    /// Converts from the `http` crate's type.
    pub fn from_http<B: Into<Body>>(response: http::Response<B>) -> Self {
        let (parts, body) = response.into_parts();
        let mut this = Self::new(parts.status);
        if let Some(Accepted(protocol)) = parts.extensions.get() {
            this.accept(protocol);
            this.set_status(parts.status);
        }
        this.headers_mut().replace(&parts.headers);
        this.set_body(body);
        this
    }
}

/// The protocol that an `http::Response` changes to.
#[derive(Clone)]
struct Accepted(Arc<str>);

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status())
            .field("headers", &self.headers())
            .finish_non_exhaustive()
    }
}
