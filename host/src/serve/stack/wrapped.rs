//! The app of a stack that stands around a service of another program: that service.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::StatusCode;
use stackup_plugin::abi::host::{Failure, HostApp, HostRequest, Outcome};

/// The service around which a stack stands, as one request has it.
pub struct WrappedService {
    /// What answers.
    pub service: Box<dyn Fn(HostRequest) -> WrappedCall + Send + Sync>,
    /// Whether its answer is a 101, after which it has the connection.
    pub upgraded: Arc<AtomicBool>,
}

/// A call of the service.
pub type WrappedCall = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Answers with the service that the request's exchange has.
pub(super) struct Wrapped;

impl HostApp for Wrapped {
    fn call(&self, request: HostRequest) -> WrappedCall {
        if let Some(wrapped) = request.exchange().extension::<WrappedService>() {
            return (wrapped.service)(request);
        }
        let none = "this request has no service to go to: the stack's own requests (`warmup`, detached ones) get no further than its middleware";
        let failure = Failure::body(StatusCode::SERVICE_UNAVAILABLE, none);
        Box::pin(std::future::ready(Err(failure)))
    }
}
