//! Requests to other servers, which the host sends.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Uri};

use crate::abi::fetch::{RawFetch, RawFetchFailure, phase};
use crate::abi::plugin::context::ContextHandle;
use crate::abi::plugin::fetch::{FetchHandle, OnInformational, informational};
use crate::abi::slice::RawSlice;
use crate::{Body, Context, Guest, Headers, Request, Response, Upgraded};

/// A request to another server, and its target.
#[derive(Debug)]
pub struct Outgoing {
    request: Request,
    target: Uri,
}

/// A request that [`Context::fetch`] sends when it is awaited.
#[must_use = "a request is sent when it is awaited"]
pub struct Fetch {
    context: ContextHandle,
    outgoing: Outgoing,
    socket: Option<PathBuf>,
    pub(super) guest: Option<Guest>,
    roots: Option<Bytes>,
    connect_timeout: Duration,
    head_timeout: Duration,
    body_timeout: Duration,
    on_informational: Option<Box<dyn OnInformational>>,
}

/// The future of a [`Fetch`]. Dropping it cancels the request.
#[must_use = "a future does nothing unless awaited"]
pub struct Fetching(Option<FetchHandle>);

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchError {
    kind: FetchErrorKind,
    status: StatusCode,
    message: String,
}

/// The kinds of [`FetchError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// The host can't do what the request asks for, or is older than the plugin.
    Unsupported,
    /// The target or an option is invalid.
    Invalid,
    /// The plugin has too many requests in flight (`[limits] fetches`).
    Limit,
    /// There was no connection. No server has seen the request.
    Connect,
    /// The body of the request failed, such as that of a client that has left.
    RequestBody,
    /// The server sent no valid response, or not in time. It may have seen the request.
    Exchange,
}

impl Context {
    /// Sends a request to another server, by HTTP/1.1 over TCP, TLS or a unix socket. Its body and that of the response
    /// stream. Dropping the future, or the response's body, cancels it.
    ///
    /// Connections belong to the host, which keeps them for the next request: also for the plugin's next version.
    /// Redirects, cookies and retries are up to the plugin. Headers that describe a connection (RFC 9110 §7.6.1) are left out.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use stackup_plugin::{Context, Request, Result, http};
    /// # async fn price(cx: &Context, item: &str) -> Result<stackup_plugin::Bytes> {
    /// let request = http::Request::get(format!("http://prices.internal:8080/{item}")).body(())?;
    /// let mut response = cx.fetch(request).connect_timeout(Duration::from_secs(1)).await?;
    /// Ok(response.take_body().collect(1 << 20).await?.bytes)
    /// # }
    /// # async fn proxy(cx: &Context, req: Request) -> Result {
    /// let target = format!("http://app{}", req.path()).parse()?;
    /// Ok(cx.fetch(req.to(target)).unix("/run/app.sock").await?)
    /// # }
    /// ```
    pub fn fetch(&self, request: impl Into<Outgoing>) -> Fetch {
        Fetch {
            context: self.handle(),
            outgoing: request.into(),
            socket: None,
            guest: None,
            roots: None,
            connect_timeout: Duration::ZERO,
            head_timeout: Duration::ZERO,
            body_timeout: Duration::ZERO,
            on_informational: None,
        }
    }
}

impl Request {
    /// This request for another server, with its method, headers and body. `host` stays as it is, if the request has it.
    pub fn to(self, target: Uri) -> Outgoing {
        Outgoing {
            request: self,
            target,
        }
    }
}

impl<B: Into<Body>> From<http::Request<B>> for Outgoing {
    fn from(request: http::Request<B>) -> Self {
        let (mut parts, body) = request.into_parts();
        let target = std::mem::take(&mut parts.uri);
        let mut own = Request::from_http(http::Request::from_parts(parts, Body::empty()));
        own.set_body(body);
        own.to(target)
    }
}

impl Fetch {
    /// Connects to this unix socket. The target's host is only the `host` header then.
    pub fn unix(mut self, socket: impl Into<PathBuf>) -> Self {
        self.socket = Some(socket.into());
        self
    }

    /// Trusts the servers of these certificates (PEM) only, in place of those that the platform trusts.
    pub fn trust(mut self, roots: impl Into<Bytes>) -> Self {
        self.roots = Some(roots.into());
        self
    }

    /// How long to wait for a connection: 10 seconds if not set.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long to wait, once there is a connection, for the head of the response: 60 seconds if not set. A request body that takes
    /// longer needs more.
    pub fn head_timeout(mut self, limit: Duration) -> Self {
        self.head_timeout = limit;
        self
    }

    /// How long to wait for each next piece of the response's body: 60 seconds if not set.
    pub fn body_timeout(mut self, limit: Duration) -> Self {
        self.body_timeout = limit;
        self
    }

    /// Offers the server to change the connection to one of these `protocols` (RFC 9110 §7.8), in the form of `upgrade`: some of
    /// those that the client of the request [offers](Request::protocols). If the server accepts one, its response is a 101, whose
    /// [`accepted`](Response::accepted) names it. As the response of the handler it connects the two: each gets what the other
    /// sends, until one of them ends the connection.
    ///
    /// ```
    /// # use stackup_plugin::{Context, Request, Result};
    /// async fn call(cx: &Context, req: Request) -> Result {
    ///     let protocols = if req.offers("websocket") { "websocket" } else { "" };
    ///     let target = format!("http://app{}", req.path()).parse()?;
    ///     Ok(cx.fetch(req.to(target)).tunnel(protocols).await?)
    /// }
    /// ```
    pub fn tunnel(mut self, protocols: &str) -> Self {
        if !protocols.is_empty() {
            // A client that offers nothing is asked for nothing.
            let _ = self.outgoing.request.forward_offer(protocols);
        }
        self
    }

    /// Sends the request with the offer to change the connection to one of these `protocols`. If the server accepts one
    /// ([`accepted`](Response::accepted)), there is a connection in it, which ends when it is dropped.
    ///
    /// ```
    /// # use stackup_plugin::{Context, Result, http};
    /// # async fn shout(cx: &Context) -> Result<Option<stackup_plugin::Bytes>> {
    /// let request = http::Request::get("http://echo.internal/").body(())?;
    /// let (response, connection) = cx.fetch(request).upgrade("echo").await?;
    /// let Some(mut connection) = connection else {
    ///     return Err(stackup_plugin::Error::msg(format!("refused: {}", response.status())));
    /// };
    /// connection.write("Hello?").await?;
    /// connection.read().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// There is no response.
    pub async fn upgrade(
        mut self,
        protocols: &str,
    ) -> Result<(Response, Option<Upgraded>), FetchError> {
        let (sender, outgoing) = Upgraded::outgoing();
        if !self.outgoing.request.offer(protocols, outgoing) {
            return Err(FetchError::too_old("changes no protocol"));
        }
        let mut response = self.await?;
        let is_accepted = response.accepted().is_some();
        let connection = is_accepted.then(|| Upgraded::connected(response.take_body(), sender));
        Ok((response, connection))
    }

    /// Calls `f` with each 1xx response before the final one, such as 103 (RFC 8297).
    pub fn on_informational(
        mut self,
        f: impl Fn(StatusCode, Headers<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.on_informational = Some(Box::new(f));
        self
    }
}

impl IntoFuture for Fetch {
    type Output = Result<Response, FetchError>;
    type IntoFuture = Fetching;

    fn into_future(self) -> Fetching {
        let target = self.outgoing.target.to_string();
        let socket = self.socket.as_ref().map(|path| path.as_os_str().as_bytes());
        let options = RawFetch {
            uri: RawSlice::text(&target),
            socket: RawSlice::maybe(socket),
            roots: RawSlice::maybe(self.roots.as_deref()),
            connect_timeout: milliseconds(self.connect_timeout),
            head_timeout: milliseconds(self.head_timeout),
            body_timeout: milliseconds(self.body_timeout),
            informational: informational(self.on_informational),
        };
        Fetching(FetchHandle::start(
            self.context,
            self.guest.as_ref().map(|guest| &*guest.0),
            self.outgoing.request,
            options,
        ))
    }
}

/// At least one, since 0 is the host's own limit.
fn milliseconds(limit: Duration) -> u64 {
    let whole = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    whole.max(u64::from(!limit.is_zero()))
}

impl Future for Fetching {
    type Output = Result<Response, FetchError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Some(fetch) => Pin::new(fetch).poll(cx).map_err(FetchError::new),
            None => Poll::Ready(Err(FetchError::too_old("sends no requests"))),
        }
    }
}

impl FetchError {
    /// What kind of failure it is.
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }

    /// Whether no server has seen the request, so that sending it again repeats nothing.
    pub fn is_unsent(&self) -> bool {
        !matches!(
            self.kind,
            FetchErrorKind::Exchange | FetchErrorKind::RequestBody
        )
    }

    /// The status for a client: 502 or, when a limit of time has passed, 504; 503 at the limit of requests; that of the error
    /// of the request's body.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn too_old(lacks: &str) -> Self {
        Self {
            kind: FetchErrorKind::Unsupported,
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: format!("the host is older than the plugin, and {lacks}"),
        }
    }

    fn new(raw: RawFetchFailure) -> Self {
        Self {
            kind: match raw.phase {
                phase::INVALID => FetchErrorKind::Invalid,
                phase::LIMIT => FetchErrorKind::Limit,
                phase::CONNECT => FetchErrorKind::Connect,
                phase::REQUEST_BODY => FetchErrorKind::RequestBody,
                phase::EXCHANGE => FetchErrorKind::Exchange,
                _ => FetchErrorKind::Unsupported,
            },
            status: StatusCode::from_u16(raw.status).unwrap_or(StatusCode::BAD_GATEWAY),
            message: raw.message.into_string(),
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FetchError {}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch")
            .field("outgoing", &self.outgoing)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Fetching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetching")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_below_a_millisecond_is_one_and_not_the_hosts() {
        assert_eq!(milliseconds(Duration::ZERO), 0);
        assert_eq!(milliseconds(Duration::from_micros(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(1500)), 1500);
        assert_eq!(milliseconds(Duration::MAX), u64::MAX);
    }
}
