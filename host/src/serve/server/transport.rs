//! What carries a request to the stack and its response back: a connection of HTTP/1 or FastCGI, a stream of HTTP/2, another
//! server.
//!
//! The way of a request (`answer.rs`) is the same for all of them. Each is compiled for itself, so that none pays for the others.

use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use http::request::Parts;
use stackup_plugin::abi::host::{
    ClientCertificate, ClientRequest, HostBody, HostRequest, UpgradeOffer,
};
use tokio::runtime::Handle;

use super::body::ResponseBody;
use super::connection_state::EndedFor;
use super::response_guard::SentResponse;
use super::sending::Sending;
use super::unread_body::Unread;
use crate::serve::generation::UpgradeRecord;

/// What carries one request at a time. Clones are of the same one. The defaults are those of a transport that has nothing to do there.
pub(super) trait Transport: Clone + Unpin + Send + Sync + 'static {
    /// Held while a request may get interim responses.
    type Open<'a>: Send
    where
        Self: 'a;

    /// What a request offers to change to, until there is a response; `Infallible` where none does.
    type Offered: Offer<Self>;

    /// From now on the client may take nothing of a response for this long.
    fn limit_sending(&self, timeout: Option<Duration>);

    /// A request goes to the stack.
    fn begin(&self) -> Self::Open<'_>;

    /// What the request's exchange carries for the stack.
    fn extension(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }

    /// By which the client has identified itself to the host.
    fn client_certificate(&self) -> Option<&Arc<ClientCertificate>> {
        None
    }

    /// Names the request that has begun; none if its client can get no interim responses.
    fn client_request(&self) -> Option<ClientRequest> {
        None
    }

    /// Sets what the transport says of a request in its env.
    fn set_env(&self, _request: &mut HostRequest) {}

    /// Whether responses have `connection`, as in HTTP/1.
    fn has_connection_field(&self) -> bool {
        false
    }

    /// Whether the connection closes after the response. `is_last` says that the server ends.
    fn closes_after(&self, _is_last: bool, _has_body: bool) -> bool {
        false
    }

    /// The change of protocol that a request without a body offers.
    fn offer(&self, _parts: &mut Parts) -> Option<(Self::Offered, Arc<UpgradeOffer>)> {
        None
    }

    /// A read of the request's body begins to wait for the client.
    fn body_waits(&self);

    /// The read has got something.
    fn body_goes_on(&self);

    /// The client has sent nothing of it for `body_timeout`.
    fn body_timed_out(&self) {}

    /// The rest of a request's body is not read.
    fn leave_body_unread(&self) {}

    /// Nobody reads the rest of the body. `may_read` says whether the host may, on `runtime`.
    fn discard(&self, body: impl Unread, _may_read: bool, _runtime: &Handle) {
        drop(body);
    }

    /// The body of a response of this generation; where the system is to send it from its file, another one that does so.
    fn send_file(&self, body: HostBody, _generation: u64) -> HostBody {
        body
    }

    /// The response that it sends, and its drain deadline.
    fn sending(&self) -> &Sending;

    /// All of a response is handed over, but perhaps not sent.
    fn handed_over(&self, response: SentResponse);

    /// A response has ended.
    fn answered(&self) {}

    /// Why the client's connection is to end, if the host ends it.
    fn ended_for(&self) -> Option<EndedFor>;
}

/// A change of protocol that a request offers to a handler.
pub(super) trait Offer<T: Transport>: Sized + Send {
    /// Makes the response to an offer that a handler has accepted. The body of `response` is what the client gets in the new protocol;
    /// `empty` takes its place.
    fn switch(
        self,
        transport: &T,
        response: Response<ResponseBody<T>>,
        empty: ResponseBody<T>,
        record: Arc<UpgradeRecord>,
    ) -> Response<ResponseBody<T>>;
}

impl<T: Transport> Offer<T> for Infallible {
    fn switch(
        self,
        _: &T,
        _: Response<ResponseBody<T>>,
        _: ResponseBody<T>,
        _: Arc<UpgradeRecord>,
    ) -> Response<ResponseBody<T>> {
        match self {}
    }
}
