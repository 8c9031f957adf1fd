//! Requests as the `http` crate has them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Uri, Version};

use crate::abi::plugin::request::RequestHandle;
use crate::{Body, Request};

impl Request {
    /// Converts to the `http` crate's type; [`from_http`](Self::from_http) converts back.
    pub fn into_http(self) -> http::Request<Body> {
        let uri = self.uri();
        self.into_http_with(uri)
    }

    /// As [`into_http`](Self::into_http), for an app of another framework that is mounted here: the URI is `PATH_INFO` and the query, without
    /// the location that a map above has matched. The client's [address](Self::remote_addr) is in the extensions, as a `SocketAddr`.
    ///
    /// ```
    /// # use stackup_plugin::testing;
    /// use stackup_plugin::{Request, Response, Result};
    /// use tower::ServiceExt as _;
    ///
    /// async fn app(req: Request) -> Result {
    ///     let router = axum::Router::new().route("/users/{id}", axum::routing::get(user));
    ///     let response = router.oneshot(req.into_http_here().map(axum::body::Body::new)).await?;
    ///     Ok(Response::from_http(response.map(stackup_plugin::Body::new)))
    /// }
    ///
    /// async fn user(axum::extract::Path(id): axum::extract::Path<u64>) -> String {
    ///     format!("user {id}")
    /// }
    /// # fn main() -> Result<()> {
    /// # testing::block_on(async {
    /// let res = testing::app_fn(app)?.answer(testing::get("/users/7")).await?;
    /// assert_eq!(res.finish().await?, "user 7");
    /// # Ok(()) })
    /// # }
    /// ```
    pub fn into_http_here(self) -> http::Request<Body> {
        let whole = self.uri();
        self.into_http_below(&whole)
    }

    /// The same, where the whole URI is known.
    pub(crate) fn into_http_below(self, whole: &Uri) -> http::Request<Body> {
        let uri = self.uri_here(whole);
        let client = self.remote_addr();
        let mut request = self.into_http_with(uri);
        if let Some(client) = client {
            request.extensions_mut().insert(client);
        }
        request
    }

    /// The URI without the location that a map has matched; `whole` is the one with it.
    fn uri_here(&self, whole: &Uri) -> Uri {
        let (path, query) = (self.path_info(), self.query());
        if self.script_name().is_empty() && !path.is_empty() && whole.authority().is_none() {
            return whole.clone();
        }
        let path = if path.is_empty() { "/" } else { path };
        let target = match query {
            "" => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        // A part of a valid target is one.
        target.try_into().unwrap_or_default()
    }

    fn into_http_with(mut self, uri: Uri) -> http::Request<Body> {
        let mut request = http::Request::new(self.take_body());
        *request.method_mut() = self.method();
        request.uri_mut().clone_from(&uri);
        *request.version_mut() = match self.version() {
            // Frameworks look for an offer in the form of HTTP/1.1 only there; the host has given it that form (RFC 8441).
            Version::HTTP_2 if self.protocols().next().is_some() => Version::HTTP_11,
            version => version,
        };
        *request.headers_mut() = self.headers().to_map();
        let original = OriginalRequest(Arc::new(Mutex::new((self, uri))));
        request.extensions_mut().insert(original);
        request
    }

    /// Converts from the `http` crate's type. A request that came from [`into_http`](Self::into_http) keeps
    /// its connection, env and hooks, and its paths if the URI is unchanged. A URI whose path has no canonical form is
    /// not taken over; the log says so.
    pub fn from_http<B: Into<Body>>(request: http::Request<B>) -> Self {
        let (mut parts, body) = request.into_parts();
        let original = parts.extensions.remove::<OriginalRequest>();
        let is_new = original.is_none();
        let (mut this, uri) = original.map_or_else(Self::without_client, OriginalRequest::take);
        if this.method() != parts.method {
            this.set_method(&parts.method);
        }
        if uri != parts.uri
            && let Err(error) = this.set_uri(&parts.uri)
        {
            tracing::error!("{error}; the request keeps `{}`", this.uri());
        }
        if is_new {
            // No client has sent a target before this one.
            this.handle_mut().env_set("REQUEST_URI", None);
        }
        this.headers_mut().replace(&parts.headers);
        this.set_body(body);
        this
    }
    /// A request that no client has sent, and its URI.
    fn without_client() -> (Self, Uri) {
        let new = Self::from_handle(RequestHandle::new());
        let uri = new.uri();
        (new, uri)
    }
}

/// The request that an `http::Request` was made from, in its extensions: for what that type has no place for, such as the
/// [env](Request::env), a [session](Request::session), [`draining`](Request::draining) or [`inform`](Request::inform).
///
/// ```
/// # use stackup_plugin::testing;
/// use axum::Extension;
/// use stackup_plugin::{OriginalRequest, Request, Response, Result};
///
/// async fn location(Extension(original): Extension<OriginalRequest>) -> String {
///     original.with(|req| format!("{} below {}", req.path_info(), req.script_name()))
/// }
/// # async fn app(req: Request) -> Result {
/// #     let router = axum::Router::new().route("/tea", axum::routing::get(location));
/// #     let request = req.into_http_here().map(axum::body::Body::new);
/// #     let response = tower::ServiceExt::oneshot(router, request).await?;
/// #     Ok(Response::from_http(response.map(stackup_plugin::Body::new)))
/// # }
/// # fn main() -> Result<()> {
/// # testing::block_on(async {
/// # let request = testing::get("/shop/tea").script_name("/shop");
/// # let res = testing::app_fn(app)?.answer(request).await?;
/// # assert_eq!(res.finish().await?, "/tea below /shop");
/// # Ok(()) })
/// # }
/// ```
///
/// Method, URI, headers and body are those of the `http::Request`: a change of them belongs there.
#[derive(Clone)]
pub struct OriginalRequest(Arc<Mutex<(Request, Uri)>>);

impl OriginalRequest {
    /// Runs `f` on it. `f` must not call `with` of the same request.
    pub fn with<R>(&self, f: impl FnOnce(&mut Request) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// The request, and the URI that the `http::Request` has got. Extensions can be cloned and a request can't: if there is another
    /// clone, a [fork](Request::fork).
    fn take(self) -> (Request, Uri) {
        match Arc::try_unwrap(self.0) {
            Ok(only) => only.into_inner().unwrap_or_else(PoisonError::into_inner),
            Err(shared) => {
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let (request, uri) = &mut *shared;
                (request.fork(), uri.clone())
            }
        }
    }
}

impl fmt::Debug for OriginalRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|request| f.debug_tuple("OriginalRequest").field(request).finish())
    }
}
