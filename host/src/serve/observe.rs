//! Where development looks into the way of a request: traits that it implements, so that *serve* knows nothing of it.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use stackup_plugin::abi::host::{
    Connection, Failure, HandlerContext, HostResponse, Node, TaskScope,
};
use tokio::sync::oneshot;

use super::generation::Generation;
use super::stack::LayerSlot;

/// A response that the observer itself sends.
pub type OwnResponse = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// A request that the observer itself answers.
pub type OwnRequest = Request<UnsyncBoxBody<Bytes, io::Error>>;

/// The peer and the client of a request.
#[derive(Clone, Copy, Debug)]
pub struct ObserverEnds {
    /// The connection's other end: the client, or a proxy.
    pub peer: Connection,
    /// The client, also behind trusted proxies.
    pub client: Connection,
}

/// The head of a request, whatever its body is.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its target.
    pub uri: &'a Uri,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Whether a body follows it, as far as is known.
    pub has_body: bool,
}

impl<'a> Head<'a> {
    /// The head of `request`.
    pub fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            has_body: false,
        }
    }
}

/// Stands before the stack: answers requests for its own pages and observes all others.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Returns whether [`answer`](Self::answer) answers a request with this target instead of the stack.
    fn handles(&self, target: &Uri) -> bool;

    /// Answers a request for one of the observer's own pages.
    fn answer<'a>(
        &'a self,
        request: OwnRequest,
        ends: ObserverEnds,
    ) -> Pin<Box<dyn Future<Output = OwnResponse> + Send + 'a>>;

    /// Starts to observe a request that `generation` is about to serve.
    fn observe(
        &self,
        head: Head<'_>,
        ends: ObserverEnds,
        generation: &Generation,
    ) -> Box<dyn ObserveRequest>;
}

/// Observes one request; its drop is the request's end.
pub trait ObserveRequest: fmt::Debug + Send + Sync {
    /// What the request's `Exchange` carries for the layers to find.
    fn witness(&self) -> Arc<dyn Any + Send + Sync>;

    /// Makes the response to an error that no middleware has answered.
    fn error_response(&self, failure: &Failure) -> HostResponse;

    /// Sees a response before its head is sent, and may change it.
    fn respond(&self, response: &mut HostResponse);

    /// The connection has taken the last byte of the response.
    fn complete(&self);
}

/// Looks on while a generation replaces another.
pub trait ObserveSwap: fmt::Debug + Send + Sync {
    /// `next` is about to replace `active`. The swap waits for the future, if there is one.
    fn before_swap(
        &self,
        active: &Arc<Generation>,
        next: &Arc<Generation>,
    ) -> Option<Pin<Box<dyn Future<Output = UnreportedSwap> + Send>>>;
}

/// A swap that is not in the log yet; dropped when it is.
#[derive(Debug)]
pub struct UnreportedSwap {
    /// Its drop wakes the observer.
    pub observer: oneshot::Sender<Infallible>,
}

/// Observes the layers of a stack: called while the stack is built.
pub trait ObserveLayers: fmt::Debug + Send + Sync {
    /// Wraps the node of a layer.
    fn layer(&self, node: Node, slot: &Arc<LayerSlot>, handler: &HandlerContext) -> Node;

    /// Wraps the scope that runs a handler's tasks. `fingerprint` is its library's.
    fn scope(
        &self,
        scope: Arc<dyn TaskScope>,
        handler: &str,
        fingerprint: &str,
    ) -> Arc<dyn TaskScope>;
}
