//! A request that may be played again.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use log_text::{in_text, one_line};
use stackup_plugin::abi::host::{Connection, Exchange, HostBody, HostRequest};

use crate::develop::trace::{Trace, WholeAnswer};
use crate::serve::generation::Generation;

/// The name in the env by which a handler knows such a request.
const REPLAY: &str = "stackup.replay";

/// Fields that ask for a part of an answer, or for none: both answers must be whole.
const CONDITIONS: [HeaderName; 6] = [
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
];

/// A request of a client's, to be played.
#[derive(Debug, Clone)]
pub(super) struct ReplayRequest {
    /// The number of its newest trace.
    pub(super) number: u64,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) has_body: bool,
    pub(super) client: Connection,
    /// The status of its answer.
    pub(super) status: StatusCode,
    /// Whether no layer made that answer: the host did.
    pub(super) failed: bool,
}

impl ReplayRequest {
    /// The request of `trace`, which was answered so.
    pub(super) fn of(trace: &Trace, answer: &WholeAnswer) -> Self {
        let mut headers = trace.headers.clone();
        for name in CONDITIONS {
            headers.remove(name);
        }
        Self {
            number: trace.number,
            method: trace.method.clone(),
            uri: trace.uri.clone(),
            headers,
            has_body: trace.has_body,
            client: trace.client,
            status: answer.status,
            failed: answer.failed,
        }
    }

    /// Path and query, without secrets.
    pub(super) fn target(&self) -> String {
        one_line(&in_text(&self.uri.to_string())).into_owned()
    }

    /// The request for the stack of `generation`, and what lasts until it has been answered.
    pub(super) fn to_host(&self, generation: &Generation) -> (HostRequest, Arc<Exchange>) {
        let exchange = Exchange::new(generation.number).drained_by(generation.drain().source());
        let exchange = Arc::new(exchange);
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = self.method.clone();
        parts.uri = self.uri.clone();
        parts.headers = self.headers.clone();
        let mut request =
            HostRequest::new(parts, HostBody::Empty, self.client, Arc::clone(&exchange));
        request.set_env(REPLAY.to_owned(), "1".to_owned());
        (request, exchange)
    }
}

#[cfg(test)]
pub(super) mod test_support {
    use super::*;

    /// A request with these header lines.
    pub(in super::super) fn request(
        method: &str,
        uri: &str,
        lines: &[(&str, &str)],
    ) -> ReplayRequest {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        ReplayRequest {
            number: 1,
            method: method.parse().unwrap(),
            uri: uri.parse().unwrap(),
            headers,
            has_body: false,
            client: Connection::default(),
            status: StatusCode::OK,
            failed: false,
        }
    }
}
