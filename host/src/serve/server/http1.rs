//! A connection of HTTP/1 as the transport of its requests, one after the other.

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use http::request::Parts;
use stackup_plugin::abi::host::{ClientCertificate, ClientRequest, HostBody, UpgradeOffer};
use tokio::runtime::Handle;

use super::body::ResponseBody;
use super::connection_state::{ConnectionState, EndedFor};
use super::interim::OpenRequest;
use super::response_guard::SentResponse;
use super::send_file::SentFile;
use super::sending::Sending;
use super::transport::{Offer, Transport};
use super::unread_body::{self, Unread};
use super::upgrade::Offered;
use crate::policy::ClientWait;
use crate::serve::generation::UpgradeRecord;

impl Transport for Arc<ConnectionState> {
    type Open<'a> = OpenRequest<'a>;
    type Offered = Offered;

    #[inline]
    fn limit_sending(&self, timeout: Option<Duration>) {
        ConnectionState::limit_sending(self, timeout);
    }

    #[inline]
    fn begin(&self) -> OpenRequest<'_> {
        self.interim.begin()
    }

    #[inline]
    fn client_certificate(&self) -> Option<&Arc<ClientCertificate>> {
        ConnectionState::client_certificate(self)
    }

    #[inline]
    fn client_request(&self) -> Option<ClientRequest> {
        Some(ConnectionState::client_request(self))
    }

    #[inline]
    fn has_connection_field(&self) -> bool {
        true
    }

    #[inline]
    fn closes_after(&self, is_last: bool, has_body: bool) -> bool {
        is_last || (has_body && self.has_unread_body())
    }

    #[inline]
    fn offer(&self, parts: &mut Parts) -> Option<(Offered, Arc<UpgradeOffer>)> {
        match parts.extensions.is_empty() {
            true => None,
            false => Offered::by(parts),
        }
    }

    fn body_waits(&self) {
        self.wait.waits(ClientWait::Body);
    }

    fn body_goes_on(&self) {
        self.wait.reads_again();
    }

    fn body_timed_out(&self) {
        self.end_for(EndedFor::BodyTimeout);
        // hyper reads no further, and closes the connection after the response.
        ConnectionState::leave_body_unread(self);
    }

    fn leave_body_unread(&self) {
        ConnectionState::leave_body_unread(self);
    }

    fn discard(&self, body: impl Unread, may_read: bool, runtime: &Handle) {
        unread_body::discard(self, body, may_read, runtime);
    }

    #[inline]
    fn send_file(&self, body: HostBody, generation: u64) -> HostBody {
        SentFile::take_over(body, self, generation)
    }

    fn sending(&self) -> &Sending {
        &self.sending
    }

    fn handed_over(&self, response: SentResponse) {
        self.sending.push(response);
    }

    #[inline]
    fn answered(&self) {
        self.wait.answered();
    }

    fn ended_for(&self) -> Option<EndedFor> {
        ConnectionState::ended_for(self)
    }
}

impl Offer<Arc<ConnectionState>> for Offered {
    fn switch(
        self,
        connection: &Arc<ConnectionState>,
        response: Response<ResponseBody<Arc<ConnectionState>>>,
        empty: ResponseBody<Arc<ConnectionState>>,
        record: Arc<UpgradeRecord>,
    ) -> Response<ResponseBody<Arc<ConnectionState>>> {
        connection.arrivals().end();
        connection.upgrade.switch(response, empty, self, record)
    }
}
