//! A request in a test.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};
use http_body::{Frame, SizeHint};

use super::mounted::failure;
use crate::abi::host::{Connection, Exchange, Failure, HostBody, HostRequest, canonicalize};
use crate::{Body, Error, Result};

/// Builds a request. Invalid parts are an error when it is sent.
#[derive(Debug)]
pub struct TestRequest {
    parts: Result<http::request::Parts>,
    body: Body,
    remote: SocketAddr,
    env: Vec<(String, String)>,
}

/// A `GET` request of `uri`.
pub fn get(uri: &str) -> TestRequest {
    request(Method::GET, uri)
}

/// A `POST` request of `body` to `uri`.
pub fn post(uri: &str, body: impl Into<Body>) -> TestRequest {
    request(Method::POST, uri).body(body)
}

/// A request from 127.0.0.1.
pub fn request(method: Method, uri: &str) -> TestRequest {
    let parts = uri.parse::<Uri>().map_err(Error::from).map(|uri| {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        (parts.method, parts.uri) = (method, uri);
        parts
    });
    let remote = SocketAddr::from(([127, 0, 0, 1], 50_000));
    TestRequest {
        parts,
        body: Body::empty(),
        remote,
        env: Vec::new(),
    }
}

impl TestRequest {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.parts = self.parts.and_then(|mut parts| {
            parts
                .headers
                .append(name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?);
            Ok(parts)
        });
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the client's address.
    #[must_use]
    pub fn remote(mut self, address: SocketAddr) -> Self {
        self.remote = address;
        self
    }

    /// Sets an env value, as a layer above would.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn into_host(self, exchange: Arc<Exchange>) -> Result<HostRequest> {
        let connection = Connection {
            https: false,
            remote: Some(self.remote),
            local: Some(SocketAddr::from(([127, 0, 0, 1], 9292))),
        };
        let body = if self.body.is_end() {
            HostBody::Empty
        } else {
            HostBody::Stream(Box::pin(RequestBody(self.body)))
        };
        let mut parts = self.parts?;
        let original = canonicalize(&mut parts.uri)?;
        let mut request = HostRequest::new(parts, body, connection, exchange);
        if let Some(original) = original {
            request.set_original(&original);
        }
        for (name, value) in self.env {
            request.set_env(name, value);
        }
        Ok(request)
    }
}

/// A body of the test as a body of the host.
struct RequestBody(Body);

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let polled = Pin::new(&mut self.0).poll_frame(cx);
        polled.map(|frame| frame.map(|f| f.map_err(|error| failure(&error, ""))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
