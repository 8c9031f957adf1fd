//! A request under observation.

use std::any::Any;
use std::sync::Arc;

use stackup_plugin::abi::host::{Failure, HostResponse};

use super::dev_state::DevState;
use crate::develop::trace::{Finished, Trace};
use crate::load::manifest;
use crate::serve::observe::ObserveRequest;

/// A request under observation, until its response has been sent or dropped.
#[derive(Debug)]
pub(super) struct ObservedRequest {
    pub(super) trace: Arc<Trace>,
    pub(super) state: Arc<DevState>,
    /// Whether the client may see what the inspector shows.
    pub(super) may_read: bool,
    /// `[dev]` of the request's generation.
    pub(super) options: manifest::Dev,
}

impl ObserveRequest for ObservedRequest {
    fn witness(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::clone(&self.trace) as _
    }

    fn error_response(&self, failure: &Failure) -> HostResponse {
        match self.may_read {
            true => self.error_page(failure),
            // The page has the request's env, and this client may not even see the inspector.
            false => failure.to_response(format!("{}\n\n{failure}\n", failure.status)),
        }
    }

    fn respond(&self, response: &mut HostResponse) {
        if self.may_read {
            self.add_to(response);
        }
        self.trace.answered(response.status(), response.headers());
    }

    fn complete(&self) {
        self.trace.ended(Finished::Complete);
    }
}

impl Drop for ObservedRequest {
    fn drop(&mut self) {
        // No effect after `complete`.
        self.trace.ended(Finished::Broken);
        self.state.request_ended(&self.trace);
    }
}
