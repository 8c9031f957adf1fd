//! A request, on its way down the stack.

use std::fmt;
use std::net::SocketAddr;

use http::{Method, Uri, Version};

use crate::abi::plugin::body::BodyHandle;
use crate::abi::plugin::request::RequestHandle;
use crate::abi::tables::RequestObject;
use crate::{Body, Env, EnvMut, Error, Finished, Headers, HeadersMut};

/// A request; it lives in the host, and this is the one handle to it.
pub struct Request {
    handle: RequestHandle,
}

impl Request {
    pub(crate) fn from_handle(handle: RequestHandle) -> Self {
        Self { handle }
    }

    pub(crate) fn into_object(self) -> *mut RequestObject {
        self.handle.into_object()
    }

    /// Another one of the same content, for who asks the layers below more than once; see
    /// [`Next::again`](crate::Next::again). Who reads the body first has it: to the other it fails.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::from_handle(self.handle.fork())
    }

    /// Its method.
    pub fn method(&self) -> Method {
        // The host parsed it, so this does not fail.
        Method::from_bytes(self.handle.method().as_bytes()).unwrap_or_default()
    }

    /// Its target as the client sent it; a copy.
    pub fn uri(&self) -> Uri {
        let raw = self.handle.uri();
        // `CONNECT` has an authority alone.
        if raw.path_and_query.bytes().is_none() {
            return raw.authority.str().parse().unwrap_or_default();
        }
        let mut builder = Uri::builder().path_and_query(raw.path_and_query.str());
        if raw.scheme.bytes().is_some() && raw.authority.bytes().is_some() {
            builder = builder
                .scheme(raw.scheme.str())
                .authority(raw.authority.str());
        }
        builder.build().unwrap_or_default()
    }

    /// The whole path as the client sent it: undecoded, without the query.
    pub fn path(&self) -> &str {
        let target = self.handle.uri().path_and_query.str();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// What stands after the `?`: undecoded; empty if there is none.
    pub fn query(&self) -> &str {
        let target = self.handle.uri().path_and_query.str();
        target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The part of the path that the maps above have taken (Rack's `SCRIPT_NAME`).
    pub fn script_name(&self) -> &str {
        self.handle.script_name()
    }

    /// The rest of the path, for this handler (Rack's `PATH_INFO`).
    pub fn path_info(&self) -> &str {
        self.handle.path_info()
    }

    /// Its protocol version.
    pub fn version(&self) -> Version {
        match self.handle.version() {
            9 => Version::HTTP_09,
            10 => Version::HTTP_10,
            20 => Version::HTTP_2,
            30 => Version::HTTP_3,
            _ => Version::HTTP_11,
        }
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &str {
        self.handle.scheme()
    }

    /// The other end of the connection; none on a unix socket.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.handle.remote()
    }

    /// This end of the connection; none on a unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.handle.local()
    }

    /// The number of the generation that serves it.
    pub fn generation(&self) -> u64 {
        self.handle.generation()
    }

    /// Its headers.
    pub fn headers(&self) -> Headers<'_> {
        Headers::new(self.handle.headers())
    }

    /// Its headers, to edit.
    pub fn headers_mut(&mut self) -> HeadersMut<'_> {
        HeadersMut::new(self.handle.headers_mut())
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: impl crate::AsName) -> Option<&str> {
        self.headers().text(name)
    }

    /// The request under Rack's names, with the values that layers pass on.
    pub fn env(&self) -> Env<'_> {
        Env::new(self)
    }

    /// Sets values for the layers below.
    pub fn env_mut(&mut self) -> EnvMut<'_> {
        EnvMut::new(self)
    }

    pub(crate) fn handle(&self) -> &RequestHandle {
        &self.handle
    }

    pub(crate) fn handle_mut(&mut self) -> &mut RequestHandle {
        &mut self.handle
    }

    /// Changes the method.
    pub fn set_method(&mut self, method: &Method) {
        self.handle.set_method(method.as_str());
    }

    /// Changes the target: `SCRIPT_NAME` becomes empty and `PATH_INFO` the new path.
    pub fn set_uri(&mut self, uri: &Uri) {
        self.handle.set_uri(&uri.to_string());
    }

    /// Changes `SCRIPT_NAME`.
    ///
    /// # Errors
    ///
    /// Neither empty nor beginning with `/`, or `/` alone (Rack's SPEC).
    pub fn set_script_name(&mut self, script_name: &str) -> Result<(), Error> {
        let done = self.handle.set_paths(Some(script_name), None);
        done.then_some(())
            .ok_or_else(|| Error::msg(format!("`{script_name}` can't be a SCRIPT_NAME")))
    }

    /// Changes `PATH_INFO`.
    ///
    /// # Errors
    ///
    /// Neither empty, `*`, nor beginning with `/` (Rack's SPEC).
    pub fn set_path_info(&mut self, path_info: &str) -> Result<(), Error> {
        let done = self.handle.set_paths(None, Some(path_info));
        done.then_some(())
            .ok_or_else(|| Error::msg(format!("`{path_info}` can't be a PATH_INFO")))
    }

    /// Takes the body out; the request goes on with an empty one.
    pub fn take_body(&mut self) -> Body {
        Body::from_handle(BodyHandle::from_raw(self.handle.take_body()))
    }

    /// Gives it another body.
    pub fn set_body(&mut self, body: impl Into<Body>) {
        self.handle.set_body(body.into().into_handle().into_raw());
    }

    /// Puts what `f` makes of the body in its place.
    pub fn map_body(&mut self, f: impl FnOnce(Body) -> Body) {
        let body = self.take_body();
        self.set_body(f(body));
    }

    /// Runs `f` when the response has ended, well or not (Rack's `rack.response_finished`): after
    /// the hooks that are registered later, on whichever thread ends it.
    pub fn on_finished(&mut self, f: impl FnOnce(&Finished<'_>) + Send + 'static) {
        self.handle.on_finish(f);
    }

    /// The same as `http`'s type; [`from_http`](Self::from_http) leads back.
    pub fn into_http(mut self) -> http::Request<Body> {
        let mut request = http::Request::new(self.take_body());
        *request.method_mut() = self.method();
        *request.uri_mut() = self.uri();
        *request.version_mut() = self.version();
        *request.headers_mut() = self.headers().to_map();
        request
            .extensions_mut()
            .insert(Kept(std::sync::Arc::new(std::sync::Mutex::new(Some(self)))));
        request
    }

    /// A request of `http`'s type. What [`into_http`](Self::into_http) made keeps its connection,
    /// env, hooks and, unless the URI changed, its paths.
    pub fn from_http<B: Into<Body>>(request: http::Request<B>) -> Self {
        let (mut parts, body) = request.into_parts();
        let kept = parts.extensions.remove::<Kept>();
        let kept = kept.and_then(|kept| kept.0.lock().ok().and_then(|mut kept| kept.take()));
        let mut this = kept.unwrap_or_else(|| Self::from_handle(RequestHandle::new()));
        if this.method() != parts.method {
            this.set_method(&parts.method);
        }
        if this.uri() != parts.uri {
            this.set_uri(&parts.uri);
        }
        this.headers_mut().replace(&parts.headers);
        this.set_body(body);
        this
    }
}

/// The request that an `http::Request` was made of. Extensions are cloned, a request is not: the
/// first to ask gets it.
#[derive(Clone)]
struct Kept(std::sync::Arc<std::sync::Mutex<Option<Request>>>);

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("script_name", &self.script_name())
            .field("path_info", &self.path_info())
            .field("query", &self.query())
            .field("headers", &self.headers())
            .finish_non_exhaustive()
    }
}
