//! A connection of FastCGI as the transport of one request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use stackup_plugin::abi::host::HostRequest;

use crate::policy::ClientWait;
use crate::serve::server::connection_state::{ConnectionState, EndedFor};
use crate::serve::server::response_guard::SentResponse;
use crate::serve::server::sending::Sending;
use crate::serve::server::transport::Transport;

/// One request and its response.
#[derive(Debug, Clone)]
pub(super) struct Responder(Arc<Request>);

#[derive(Debug)]
struct Request {
    connection: Arc<ConnectionState>,
    /// What the front server says besides the request.
    env: Vec<(String, String)>,
}

impl Responder {
    pub(super) fn new(connection: &Arc<ConnectionState>, env: Vec<(String, String)>) -> Self {
        Self(Arc::new(Request {
            connection: Arc::clone(connection),
            env,
        }))
    }

    fn connection(&self) -> &ConnectionState {
        &self.0.connection
    }
}

/// A response has one head, so none is interim. The connection reads what nobody else reads of a body. The client's connection is the front
/// server's, so responses say nothing of it.
impl Transport for Responder {
    type Open<'a> = ();
    type Offered = Infallible;

    fn limit_sending(&self, timeout: Option<Duration>) {
        self.connection().limit_sending(timeout);
    }

    fn begin(&self) {}

    fn set_env(&self, request: &mut HostRequest) {
        for (name, value) in &self.0.env {
            request.set_env(name.clone(), value.clone());
        }
    }

    fn body_waits(&self) {
        self.connection().wait.waits(ClientWait::Body);
    }

    fn body_goes_on(&self) {
        self.connection().wait.reads_again();
    }

    fn body_timed_out(&self) {
        self.connection().end_for(EndedFor::BodyTimeout);
    }

    fn sending(&self) -> &Sending {
        &self.connection().sending
    }

    fn handed_over(&self, response: SentResponse) {
        self.connection().sending.push(response);
    }

    fn answered(&self) {
        self.connection().wait.answered();
    }

    fn ended_for(&self) -> Option<EndedFor> {
        self.connection().ended_for()
    }
}
