//! An open stack.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "cli")]
use http::Response;
use tokio::sync::{mpsc, oneshot};

use super::open_error::OpenError;
use super::options::{ClientOf, OpenOptions};
use super::reloads::{ReloadError, Request};
use super::wrap::Layered;
use crate::serve::generation::Active;
use crate::serve::server::Answers;
#[cfg(feature = "cli")]
use crate::serve::server::{
    EmbeddedBody,
    cgi::{Head, RequestBody},
};

/// The stack of a manifest, as a [`tower_service::Service`] for any server. Clones are of the same stack.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let stack = stackup::Stack::open("config.ru.toml").await?;
/// // let app = axum::Router::new().fallback_service(stack.clone());
/// // … and at the end of the program:
/// stack.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Stack(pub(super) Arc<OpenStack>);

/// A stack without an app, as a [`tower_layer::Layer`]: its middleware stand around a service of this program.
#[derive(Clone, Debug)]
pub struct StackLayer(pub(super) Arc<OpenStack>);

/// What its handles share. The drop of the last one ends the stack.
pub(super) struct OpenStack {
    pub(super) answers: Answers,
    pub(super) active: Arc<Active>,
    pub(super) client: ClientOf,
    pub(super) requests: mpsc::Sender<Request>,
}

impl fmt::Debug for OpenStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenStack")
            .field("generation", &self.active.load().number)
            .finish_non_exhaustive()
    }
}

/// Opens the stack of a manifest without `run`, as a layer.
///
/// # Errors
///
/// Why the stack can't be built, with the place in the manifest; a `run` or `cascade` at its top is an error.
pub async fn layer(manifest: impl AsRef<Path>) -> Result<StackLayer, OpenError> {
    OpenOptions::new().layer(manifest).await
}

impl Stack {
    /// Opens the stack of a manifest and watches its files. Call it within a runtime of tokio that lives as long as the stack.
    ///
    /// # Errors
    ///
    /// Why the stack can't be built, with the place in the manifest.
    pub async fn open(manifest: impl AsRef<Path>) -> Result<Self, OpenError> {
        OpenOptions::new().open(manifest).await
    }

    /// How to open one otherwise.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Reads all files again and swaps if something has changed. Returns the number of the generation that serves then.
    ///
    /// # Errors
    ///
    /// Why the change is refused. The generation before it keeps serving.
    pub async fn reload(&self) -> Result<u64, ReloadError> {
        self.0.reload().await
    }

    /// Ends the stack: it answers new requests with 503, waits for the others as long as `[limits] drain_timeout`, then ends its
    /// handlers.
    pub async fn shutdown(self) {
        self.0.shutdown().await;
    }
}

#[cfg(feature = "cli")]
impl Stack {
    /// Answers a request of CGI; `body` is what follows of it.
    pub(crate) fn answer_cgi(
        &self,
        head: Head,
        body: RequestBody,
    ) -> impl Future<Output = Response<EmbeddedBody>> {
        self.0.answers.answer_cgi(head, body)
    }

    /// How many fields a request may have.
    pub(crate) fn header_count(&self) -> usize {
        self.0.active.load().limits.header_count
    }
}

impl StackLayer {
    /// As [`Stack::reload`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn reload(&self) -> Result<u64, ReloadError> {
        self.0.reload().await
    }

    /// As [`Stack::shutdown`].
    pub async fn shutdown(self) {
        self.0.shutdown().await;
    }
}

impl<S> tower_layer::Layer<S> for StackLayer {
    type Service = Layered<S>;

    fn layer(&self, inner: S) -> Layered<S> {
        Layered::new(Arc::clone(&self.0), inner)
    }
}

impl OpenStack {
    async fn reload(&self) -> Result<u64, ReloadError> {
        let (reply, replied) = oneshot::channel();
        let sent = self.requests.send(Request::Reload(reply)).await;
        sent.map_err(|_| ReloadError::ended())?;
        replied.await.map_err(|_| ReloadError::ended())?
    }

    async fn shutdown(&self) {
        let (reply, replied) = oneshot::channel();
        // An error means that another handle has ended it; then the channel closes once that is done.
        if self.requests.send(Request::ShutDown(reply)).await.is_err() {
            self.requests.closed().await;
        }
        let _ = replied.await;
    }
}
