//! A request in a test.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri, Version};
use http_body::{Frame, SizeHint};

use super::mounted::failure;
use crate::abi::host::{
    ClientCertificate, Connection, Exchange, Failure, HostBody, HostRequest, UpgradeOffer,
    canonicalize,
};
use crate::path::PathPrefix;
use crate::{Body, Error, Result};

/// Builds a request. Invalid parts are an error when it is sent.
#[derive(Debug)]
pub struct TestRequest {
    parts: Result<http::request::Parts>,
    body: Body,
    remote: SocketAddr,
    env: Vec<(String, String)>,
    /// The path of the map, as it was given.
    script_name: Option<String>,
    offer: Option<(String, Body)>,
    certificate: Option<ClientCertificate>,
    pub(super) generation: u64,
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
        script_name: None,
        offer: None,
        certificate: None,
        generation: 0,
    }
}

impl TestRequest {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.parts = self.parts.and_then(|mut parts| {
            // As a browser sends `Last-Event-ID`, a value may be UTF-8.
            let value = HeaderValue::from_bytes(value.as_bytes())?;
            parts.headers.append(name.parse::<HeaderName>()?, value);
            Ok(parts)
        });
        self
    }

    /// Sets the version of HTTP by which it came; the default is 1.1.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        if let Ok(parts) = &mut self.parts {
            parts.version = version;
        }
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

    /// Has it come through a map with this path: `SCRIPT_NAME` is the path, `PATH_INFO` the rest of the request's.
    ///
    /// ```
    /// use stackup_plugin::{Request, testing};
    ///
    /// async fn home(req: Request) -> String {
    ///     format!("{} in {}", req.path_info(), req.script_name())
    /// }
    ///
    /// # testing::block_on(async {
    /// let home = testing::app_fn(home)?;
    /// let res = home.answer(testing::get("/shop/cart").script_name("/shop")).await?;
    /// assert_eq!(res.finish().await?, "/cart in /shop");
    /// # Ok::<_, stackup_plugin::Error>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn script_name(mut self, path: &str) -> Self {
        self.script_name = Some(path.to_owned());
        self
    }

    /// Offers to change to `protocol`, in which the client then sends `bytes`. The body of the response is what it gets.
    #[must_use]
    pub fn offering(mut self, protocol: &str, bytes: impl Into<Body>) -> Self {
        self.offer = Some((protocol.to_owned(), bytes.into()));
        self
    }

    /// Has the client identify itself by a certificate with this subject (RFC 4514, such as `CN=alice,O=Example`) and these DNS names.
    #[must_use]
    pub fn client_certificate(mut self, subject: &str, dns_names: &[&str]) -> Self {
        let mut common_names = subject
            .split(',')
            .filter_map(|name| name.strip_prefix("CN="));
        self.certificate = Some(ClientCertificate {
            subject: subject.to_owned(),
            common_name: common_names.next().map(str::to_owned),
            dns_names: dns_names.iter().map(ToString::to_string).collect(),
            ..ClientCertificate::default()
        });
        self
    }

    /// Sets the number of the generation that serves it, as [`Request::generation`](crate::Request::generation) returns it.
    #[must_use]
    pub fn generation(mut self, number: u64) -> Self {
        self.generation = number;
        self
    }

    pub(super) fn into_host(self, exchange: Arc<Exchange>) -> Result<HostRequest> {
        let connection = Connection {
            // A certificate comes by TLS.
            https: self.certificate.is_some(),
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
        let map = self.script_name.map(|map| below(&map, parts.uri.path()));
        let map = map.transpose()?;
        let mut request = HostRequest::new(parts, body, connection, exchange);
        request.shift_path_info(map.unwrap_or_default());
        if let Some(original) = original {
            request.set_original(&original);
        }
        if let Some((protocol, bytes)) = self.offer {
            let bytes = HostBody::Stream(Box::pin(RequestBody(bytes)));
            request.set_offer(UpgradeOffer::new(protocol, bytes));
        }
        if let Some(certificate) = self.certificate {
            request.set_client_certificate(certificate.into());
        }
        for (name, value) in self.env {
            request.set_env(name, value);
        }
        Ok(request)
    }
}

/// The length of the map's path, if it covers the request's.
fn below(map: &str, path: &str) -> Result<usize> {
    let prefix = PathPrefix::new(map)
        .map_err(|error| Error::msg(format!("`{map}` is no script name: {error}")))?;
    match prefix.covers(path) {
        true => Ok(prefix.as_str().len()),
        false => Err(Error::msg(format!(
            "`{path}` is not below the script name `{map}`"
        ))),
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
        let polled = self.0.poll_frame(cx);
        polled.map(|frame| frame.map(|f| f.map_err(|error| failure(&error, ""))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
