//! A request that another server carries: the connection, its framing and its limits are that server's.

mod body;

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, Version};
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use stackup_plugin::abi::host::{Connection, HostRequest, UpgradeOffer};
use tokio::io::AsyncWriteExt;

pub use self::body::EmbeddedBody;
use super::answer::{AnswerContext, answer};
use super::body::ResponseBody;
use super::cgi::Head;
use super::connection_state::EndedFor;
use super::framing::FramingError;
use super::response_guard::SentResponse;
use super::sending::Sending;
use super::transport::{Offer, Transport};
use super::upgrade::{self, Offered, tunnel};
use crate::serve::generation::{Active, UpgradeRecord};
use crate::serve::observe::ObserverEnds;
use crate::serve::stack::WrappedService;

/// Answers requests that another server has read.
#[derive(Debug, Clone)]
pub struct Answers(Arc<AnswerContext>);

impl Answers {
    /// With the active generation.
    pub fn new(active: Arc<Active>) -> Self {
        Self(Arc::new(AnswerContext {
            active,
            show_errors: false,
            observer: None,
            last: Arc::new(AtomicBool::new(false)),
        }))
    }

    /// Answers a request of `client`. `wrapped` is the service that the stack stands around, if it does. Call it within a runtime of
    /// tokio, and await it there.
    pub fn answer<B>(
        &self,
        request: Request<B>,
        client: Connection,
        wrapped: Option<WrappedService>,
    ) -> impl Future<Output = Response<EmbeddedBody>> + Send + 'static
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + Send + 'static,
    {
        let transport = EmbeddedRequest {
            is_http1: request.version() <= Version::HTTP_11,
            sending: Sending::default(),
            wrapped: wrapped.map(Arc::new),
            env: Vec::new(),
        };
        self.answer_by(transport, request, Ok(()), client)
    }

    /// Answers a request of CGI, likewise.
    pub fn answer_cgi<B>(
        &self,
        head: Head,
        body: B,
    ) -> impl Future<Output = Response<EmbeddedBody>> + Send + 'static
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + Send + 'static,
    {
        let transport = EmbeddedRequest {
            // The client's connection is the front server's.
            is_http1: false,
            sending: Sending::default(),
            wrapped: None,
            env: head.env,
        };
        let request = Request::from_parts(head.parts, body);
        self.answer_by(transport, request, head.framing, head.client)
    }

    fn answer_by<B>(
        &self,
        transport: EmbeddedRequest,
        request: Request<B>,
        framing: Result<(), FramingError>,
        client: Connection,
    ) -> impl Future<Output = Response<EmbeddedBody>> + Send + use<B>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + Send + 'static,
    {
        let context = Arc::clone(&self.0);
        let transport = Embedded(Arc::new(transport));
        async move {
            let ends = ObserverEnds {
                peer: client,
                client,
            };
            let Ok(response) = answer(request, framing, &ends, &context, &transport).await;
            response.map(|body| EmbeddedBody::new(body, transport))
        }
    }
}

/// The transport of one request.
#[derive(Clone)]
pub(super) struct Embedded(Arc<EmbeddedRequest>);

struct EmbeddedRequest {
    is_http1: bool,
    /// The response's body, while it may wait for the client.
    sending: Sending,
    wrapped: Option<Arc<WrappedService>>,
    /// What the server says besides the request.
    env: Vec<(String, String)>,
}

/// What a request offers, and where the server around the stack gives its connection.
pub(super) struct EmbeddedOffer {
    offered: Offered,
    connection: OnUpgrade,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

/// The server around it decides whether it reads the rest of a request's body or closes the connection.
impl Transport for Embedded {
    type Open<'a> = ();
    type Offered = EmbeddedOffer;

    fn limit_sending(&self, _: Option<Duration>) {}

    fn begin(&self) {}

    fn extension(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        let wrapped = self.0.wrapped.as_ref()?;
        Some(Arc::clone(wrapped) as _)
    }

    fn set_env(&self, request: &mut HostRequest) {
        for (name, value) in &self.0.env {
            request.set_env(name.clone(), value.clone());
        }
    }

    fn has_connection_field(&self) -> bool {
        self.0.is_http1
    }

    fn offer(&self, parts: &mut Parts) -> Option<(EmbeddedOffer, Arc<UpgradeOffer>)> {
        let connection = parts.extensions.get::<OnUpgrade>()?.clone();
        let (offered, offer) = Offered::by(parts)?;
        let offered = EmbeddedOffer {
            offered,
            connection,
        };
        Some((offered, offer))
    }

    fn body_waits(&self) {}

    fn body_goes_on(&self) {}

    fn sending(&self) -> &Sending {
        &self.0.sending
    }

    fn handed_over(&self, response: SentResponse) {
        // Whether it is sent is not known.
        drop(response);
    }

    fn ended_for(&self) -> Option<EndedFor> {
        None
    }
}

impl Offer<Embedded> for EmbeddedOffer {
    fn switch(
        self,
        transport: &Embedded,
        response: Response<ResponseBody<Embedded>>,
        empty: ResponseBody<Embedded>,
        record: Arc<UpgradeRecord>,
    ) -> Response<ResponseBody<Embedded>> {
        let wrapped = transport.0.wrapped.as_ref();
        if wrapped.is_some_and(|wrapped| wrapped.upgraded.load(Ordering::Acquire)) {
            // The wrapped service gets the connection. It has made the head, too.
            return response.map(|_| empty);
        }
        let EmbeddedOffer {
            offered,
            connection,
        } = self;
        let protocol = record.protocol().to_owned();
        let (response, accepted) = upgrade::switch(response, empty, offered, record);
        let transport = transport.clone();
        tokio::spawn(async move {
            let socket = match connection.await {
                Ok(socket) => TokioIo::new(socket),
                Err(error) => {
                    tracing::error!(
                        event = "upgrade-failed",
                        "a handler has accepted `{protocol}`, but the server around the stack did not hand over the connection: {error}; \
                         with hyper, serve it `with_upgrades()`"
                    );
                    return;
                }
            };
            let ended = tunnel(socket, Bytes::new(), accepted, &transport.0.sending).await;
            if let Some(mut socket) = ended {
                // If it fails, the client has closed the connection.
                let _ = socket.shutdown().await;
            }
        });
        response
    }
}
