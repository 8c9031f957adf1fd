//! One request to another server.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use stackup_plugin::abi::host::{
    Failure, FetchFailure, FetchPhase, FetchRequest, HostBody, HostResponse,
};
use tokio::runtime::Handle;

use super::connection::SendError;
use super::pool::{Checkout, Endpoint, Lease, Pool};
use super::response_body::TimedBody;
use super::timer::Timer;
use super::{BODY, CONNECT, HEAD, Place, causes, head, tunnel};

/// A request that is sent, with its limits of time.
pub(super) struct Call {
    request: Request<HostBody>,
    endpoint: Arc<Endpoint>,
    upgrade: Option<tunnel::Offer>,
    connect: Duration,
    head: Duration,
    body: Duration,
    runtime: Handle,
    /// Given back when the response has ended.
    place: Place,
}

impl Call {
    /// Prepares it for a server of the pool.
    ///
    /// # Errors
    ///
    /// It can't be sent.
    pub(super) fn new(
        mut fetch: FetchRequest,
        pool: &Arc<Pool>,
        place: Place,
        runtime: Handle,
    ) -> Result<Self, FetchFailure> {
        let upgrade = fetch.upgrade.take().map(tunnel::Offer::new);
        let server = head::prepare(&mut fetch, upgrade.as_ref())?;
        let mut request = fetch.request;
        if let Some(informational) = fetch.informational {
            hyper::ext::on_informational(&mut request, move |response| {
                informational.call(response.status(), response.headers());
            });
        }
        Ok(Self {
            request,
            endpoint: pool.endpoint(server),
            upgrade,
            connect: fetch.connect_timeout.unwrap_or(CONNECT),
            head: fetch.head_timeout.unwrap_or(HEAD),
            body: fetch.body_timeout.unwrap_or(BODY),
            runtime,
            place,
        })
    }

    /// Sends it.
    ///
    /// # Errors
    ///
    /// There is no valid response.
    pub(super) async fn send(mut self) -> Result<HostResponse, FetchFailure> {
        let (response, lease) = self.response().await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let server = lease.server().to_string();
            let switched =
                tunnel::switch(response, self.upgrade, server, &self.runtime, self.place);
            return switched.await;
        }
        let (mut parts, body) = response.into_parts();
        if let Err(why) = head::clean(parts.status, &mut parts.headers) {
            return Err(exchange(StatusCode::BAD_GATEWAY, lease.server(), why));
        }
        let body = if body.is_end_stream() {
            lease.give_back();
            HostBody::Empty
        } else {
            HostBody::Stream(Box::pin(TimedBody::new(body, lease, self.body, self.place)))
        };
        Ok(HostResponse::from_parts(parts.status, parts.headers, body))
    }

    /// The response, and the connection that it comes by.
    async fn response(&mut self) -> Result<(Response<Incoming>, Lease), FetchFailure> {
        let mut request = std::mem::take(&mut self.request);
        loop {
            let (connection, is_new) = match self.endpoint.checkout() {
                Checkout::Ready(connection) => (connection, false),
                Checkout::Connecting(connecting) => {
                    let mut timer = Timer::new(self.runtime.clone());
                    let connected = within(self.connect, &mut timer, connecting).await;
                    let connected = connected.ok_or_else(|| FetchFailure {
                        phase: FetchPhase::Connect,
                        ..self.late("connection", self.connect)
                    })?;
                    (connected.map_err(|_| self.stopped())??, true)
                }
            };
            let mut lease = Lease::new(connection, Arc::clone(&self.endpoint));
            let connection = &mut lease.connection;
            let upgrades = self.upgrade.is_some();
            let sent = connection.sender.send(request, upgrades, &self.runtime);
            let sent = within(self.head, &mut connection.timer, sent).await;
            connection.timer.stop();
            let SendError {
                error,
                request: unsent,
            } = match sent {
                None => return Err(self.late("response", self.head)),
                Some(Ok(response)) => return Ok((response, lease)),
                Some(Err(error)) => error,
            };
            // A connection that was kept may have ended just now, before anything was sent.
            match unsent {
                Some(unsent) if !is_new => {
                    if lease.connection.sender.is_shared() {
                        self.endpoint.forget_shared();
                    }
                    request = unsent;
                }
                unsent => return Err(failed(&self.endpoint, &error, unsent.is_some())),
            }
        }
    }

    fn late(&self, what: &str, limit: Duration) -> FetchFailure {
        let why = format!("no {what} within {limit:?}");
        exchange(StatusCode::GATEWAY_TIMEOUT, &self.endpoint.server, &why)
    }

    fn stopped(&self) -> FetchFailure {
        FetchFailure {
            phase: FetchPhase::Connect,
            ..exchange(
                StatusCode::BAD_GATEWAY,
                &self.endpoint.server,
                "no connection: the host is stopping",
            )
        }
    }
}

/// What the future gives, if it does so within the limit.
pub(super) async fn within<F: Future>(
    limit: Duration,
    timer: &mut Timer,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        timer.poll(limit, cx).map(|()| None)
    })
    .await
}

pub(super) fn exchange(
    status: StatusCode,
    server: impl std::fmt::Display,
    why: &str,
) -> FetchFailure {
    FetchFailure {
        phase: FetchPhase::Exchange,
        status,
        message: format!("{server}: {why}"),
    }
}

/// Why there is no response; `is_unsent` if no server has seen the request.
fn failed(endpoint: &Endpoint, error: &hyper::Error, is_unsent: bool) -> FetchFailure {
    let server = &endpoint.server;
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return FetchFailure {
                phase: FetchPhase::RequestBody,
                status: failure.status,
                message: format!("{server}: the body of the request failed: {failure}"),
            };
        }
        next = cause.source();
    }
    let failure = exchange(StatusCode::BAD_GATEWAY, server, &causes(error));
    match is_unsent {
        true => FetchFailure {
            phase: FetchPhase::Connect,
            ..failure
        },
        false => failure,
    }
}
