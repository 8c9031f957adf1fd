//! The HTTP client of orders: the one that plugins' requests go by, too.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Limited};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use stackup_plugin::abi::host::{FetchRequest, HostBody};

use crate::services::FetchHub;

/// Far more than a CA says at once.
const MAX_LEN: usize = 1 << 20;

const USER_AGENT: &str = concat!("stackup/", env!("CARGO_PKG_VERSION"), " instant-acme");

/// Sends the requests of orders at one CA.
#[derive(Clone)]
pub(super) struct AcmeClient {
    pub(super) fetch: FetchHub,
    /// The certificates to trust in place of the platform's, as PEM.
    pub(super) roots: Option<Bytes>,
}

impl AcmeClient {
    async fn send(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let (mut head, body) = request.into_parts();
        let user_agent = HeaderValue::from_static(USER_AGENT);
        head.headers.insert(header::USER_AGENT, user_agent);
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(never) => match never {},
        };
        let body = match body.is_empty() {
            true => HostBody::Empty,
            false => HostBody::Full(body),
        };
        let fetching = self.fetch.fetch(FetchRequest {
            roots: self.roots,
            ..FetchRequest::new("acme", Request::from_parts(head, body))
        });
        let response = fetching.await;
        let response = response.map_err(|failure| Error::Other(failure.message.into()))?;
        let (status, headers, body) = response.into_parts();
        let body = Limited::new(body, MAX_LEN).collect().await;
        let body = body.map_err(Error::Other)?.to_bytes();
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = status;
        head.headers = headers;
        Ok(BytesResponse {
            parts: head,
            body: Box::new(body),
        })
    }
}

impl HttpClient for AcmeClient {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().send(request))
    }
}
