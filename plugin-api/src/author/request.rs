//! A request on its way down the stack.

use std::fmt;
use std::net::SocketAddr;

use http::{Method, Uri, Version};

use crate::abi::body::RawBody;
use crate::abi::plugin::body::BodyHandle;
use crate::abi::plugin::context::Draining;
use crate::abi::plugin::informer::InformerHandle;
use crate::abi::plugin::request::RequestHandle;
use crate::abi::tables::RequestObject;
use crate::{Body, ClientCertificate, Env, EnvMut, Error, Finished, Headers, HeadersMut};

/// A request. It lives in the host; this is the only handle to it.
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

    /// A second request with the same content, to call the layers below more than once; see
    /// [`Next::again`](crate::Next::again). The first to read the body gets it; the other body then fails.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::from_handle(self.handle.fork())
    }

    /// Its method.
    pub fn method(&self) -> Method {
        // The host parsed it, so this can't fail.
        Method::from_bytes(self.handle.method().as_bytes()).unwrap_or_default()
    }

    /// A copy of the target, with its path in canonical form ([`path::canonical`](crate::path::canonical)). `REQUEST_URI`
    /// in the [env](Self::env) is what the client sent.
    pub fn uri(&self) -> Uri {
        let raw = self.handle.uri();
        // `CONNECT` has only an authority.
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

    /// The full path, that is, `SCRIPT_NAME` and `PATH_INFO`: in canonical form, so still encoded, without the query.
    pub fn path(&self) -> &str {
        let target = self.handle.uri().path_and_query.str();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// The query after the `?`: encoded; empty if there is none.
    pub fn query(&self) -> &str {
        let target = self.handle.uri().path_and_query.str();
        target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The part of the path that the maps above matched (Rack's `SCRIPT_NAME`).
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

    /// `http` or `https`: what the client used, also behind a proxy that the manifest trusts.
    pub fn scheme(&self) -> &str {
        self.handle.scheme()
    }

    /// The client's address, also behind a proxy that the manifest trusts; `None` on a unix socket.
    /// The port is 0 where the proxy does not say it.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.handle.remote()
    }

    /// The local address of the connection; `None` on a unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.handle.local()
    }

    /// The certificate by which the client has identified itself, verified by the host; `None` where the listener has no `client_auth`, and where
    /// that does not require one and the client has none.
    ///
    /// ```
    /// # use stackup_plugin::{Error, Request, Result, StatusCode, testing};
    /// async fn only_alice(req: Request) -> Result<String> {
    ///     let certificate = req.client_certificate();
    ///     match certificate.and_then(|certificate| certificate.common_name()) {
    ///         Some("alice") => Ok("Hello, Alice".to_owned()),
    ///         _ => Err(Error::new(StatusCode::FORBIDDEN, "for Alice only")),
    ///     }
    /// }
    /// # testing::block_on(async {
    /// let app = testing::app_fn(only_alice)?;
    /// let res = app.answer(testing::get("/").client_certificate("CN=alice,O=Example", &[])).await?;
    /// assert_eq!(res.finish().await?, "Hello, Alice");
    /// assert_eq!(app.answer(testing::get("/")).await.unwrap_err().status(), 403);
    /// # Ok::<_, Error>(()) }).unwrap();
    /// ```
    pub fn client_certificate(&self) -> Option<ClientCertificate<'_>> {
        ClientCertificate::of(&self.handle)
    }

    /// The number of the generation that serves the request.
    pub fn generation(&self) -> u64 {
        self.handle.generation()
    }

    /// Completes once this request has a deadline: a reload has replaced a handler that it is in or may still enter, or its server
    /// ends. A request whose handlers all continue has none (SPEC R23).
    ///
    /// The future owns what it needs. A response that would go on for ever ends itself there, while its client can still be told; an
    /// [event stream](Self::events) does so by itself:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use stackup_plugin::{App, Body, Context, IntoResponse, Request, Result, testing};
    /// # struct Lines(Context);
    /// impl App for Lines {
    /// #   type Config = ();
    /// #   fn init((): (), cx: &Context) -> Result<Self> { Ok(Self(cx.clone())) }
    ///     async fn call(&self, req: Request) -> Result {
    ///         let (mut draining, cx) = (req.draining(), self.0.clone());
    ///         let (mut sender, body) = Body::channel(8);
    ///         self.0.spawn("lines", async move {
    ///             while cx.timeout(Duration::from_secs(1), &mut draining).await.is_err() {
    ///                 if sender.send("{\"up\":true}\n").await.is_err() {
    ///                     return; // the client has left
    ///                 }
    ///             }
    ///             // `sender` is dropped: the response ends.
    ///         });
    ///         body.into_response()
    ///     }
    /// }
    /// # fn main() -> Result<()> {
    /// # testing::block_on(async {
    /// # let lines = testing::app::<Lines>(testing::json!({}))?;
    /// # let res = lines.answer(testing::get("/")).await?;
    /// # lines.drain();
    /// # assert_eq!(res.finish().await?, "");
    /// # Ok(()) })
    /// # }
    /// ```
    ///
    /// A request that a handler has made itself completes it with [`Context::retiring`](crate::Context::retiring).
    pub fn draining(&self) -> Draining {
        self.handle.draining()
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
    pub fn header(&self, name: impl crate::AsName) -> Option<&str> {
        self.headers().text(name)
    }

    /// The request under Rack's names, with the values that layers pass down.
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

    /// Changes the target. `SCRIPT_NAME` becomes empty and `PATH_INFO` the new path, in canonical form.
    ///
    /// # Errors
    ///
    /// Its path has no canonical form ([`path::canonical`](crate::path::canonical)). Nothing is changed.
    pub fn set_uri(&mut self, uri: &Uri) -> Result<(), Error> {
        let done = self.handle.set_uri(&uri.to_string());
        done.then_some(())
            .ok_or_else(|| Error::msg(format!("`{uri}` is not a valid target")))
    }

    /// Changes `SCRIPT_NAME`, and with it [`path`](Self::path).
    ///
    /// # Errors
    ///
    /// It is neither empty nor begins with `/`, or it ends with `/`, or it has no canonical form.
    pub fn set_script_name(&mut self, script_name: &str) -> Result<(), Error> {
        let done = self.handle.set_paths(Some(script_name), None);
        done.then_some(())
            .ok_or_else(|| Error::msg(format!("`{script_name}` is not a valid SCRIPT_NAME")))
    }

    /// Changes `PATH_INFO`, and with it [`path`](Self::path).
    ///
    /// # Errors
    ///
    /// It is neither empty nor begins with `/`, nor `*` without a `SCRIPT_NAME`, or it has no canonical form.
    pub fn set_path_info(&mut self, path_info: &str) -> Result<(), Error> {
        let done = self.handle.set_paths(None, Some(path_info));
        done.then_some(())
            .ok_or_else(|| Error::msg(format!("`{path_info}` is not a valid PATH_INFO")))
    }

    /// What the client offers to change to, as it says it.
    pub(crate) fn offered(&self) -> Option<&str> {
        self.handle.protocols()
    }

    pub(crate) fn client(&self) -> Option<InformerHandle> {
        self.handle.informer()
    }

    /// Takes what the client sends once the connection has changed.
    pub(crate) fn take_incoming(&mut self) -> Option<RawBody> {
        self.handle.upgrade()
    }

    pub(crate) fn forward_offer(&mut self, protocols: &str) -> bool {
        self.handle.forward_offer(protocols)
    }

    pub(crate) fn offer(&mut self, protocols: &str, outgoing: Body) -> bool {
        self.handle
            .offer(protocols, outgoing.into_handle().into_raw())
    }

    /// Takes the body and leaves an empty one.
    pub fn take_body(&mut self) -> Body {
        Body::from_handle(BodyHandle::from_raw(self.handle.take_body()))
    }

    /// Replaces the body.
    pub fn set_body(&mut self, body: impl Into<Body>) {
        self.handle.set_body(body.into().into_handle().into_raw());
    }

    /// Replaces the body with what `f` returns for it.
    pub fn map_body(&mut self, f: impl FnOnce(Body) -> Body) {
        let body = self.take_body();
        self.set_body(f(body));
    }

    /// Runs `f` when the response has ended, with or without an error (Rack's `rack.response_finished`).
    /// Hooks run in reverse order of registration, on the thread that ends the response.
    pub fn on_finished(&mut self, f: impl FnOnce(&Finished<'_>) + Send + 'static) {
        self.handle.on_finish(f);
    }
}

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
