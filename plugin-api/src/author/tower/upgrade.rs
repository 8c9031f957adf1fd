//! Upgrades as hyper has them: an [`OnUpgrade`] in the request's extensions.
//!
//! hyper makes one for its own connections only. So there is such a connection, in memory; it has no other request, and what comes
//! after its 101 is carried between it and the client.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, copy, duplex, split};
use tokio::sync::oneshot;

use crate::{Error, Result, Upgraded};

/// As much may wait in either direction.
const BUFFER: usize = 64 << 10;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: -\r\nconnection: upgrade\r\nupgrade: -\r\n\r\n";

/// The connection in memory, before its 101.
pub(super) struct PendingUpgrade {
    connection: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
    accept: oneshot::Sender<()>,
    socket: DuplexStream,
}

impl PendingUpgrade {
    pub(super) async fn begin() -> Result<(OnUpgrade, Self)> {
        let (mut socket, of_hyper) = duplex(BUFFER);
        socket.write_all(REQUEST).await?;
        let (accept, accepted) = oneshot::channel();
        let accepted = Mutex::new(Some(accepted));
        let made = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&made);
        let service = service_fn(move |mut request: http::Request<Incoming>| {
            *lock(&slot) = Some(hyper::upgrade::on(&mut request));
            let accepted = lock(&accepted).take();
            async move {
                if let Some(accepted) = accepted {
                    // If nobody accepts, the connection is dropped.
                    let _ = accepted.await;
                }
                let mut response = Response::new(Empty::<Bytes>::new());
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .serve_connection(TokioIo::new(of_hyper), service)
            .with_upgrades();
        let mut connection = Box::pin(connection);
        // The request is there, so the service has it now.
        poll_fn(|cx| Poll::Ready(connection.as_mut().poll(cx).is_ready())).await;
        let on_upgrade = lock(&made).take();
        let on_upgrade =
            on_upgrade.ok_or_else(|| Error::msg("internal error: hyper offers no upgrade"))?;
        let pending = Self {
            connection,
            accept,
            socket,
        };
        Ok((on_upgrade, pending))
    }

    /// Carries bytes both ways, until the service closes its side.
    pub(super) async fn carry(self, client: Upgraded) -> Result<()> {
        let Self {
            connection,
            accept,
            mut socket,
        } = self;
        // The service of `begin` waits for it.
        let _ = accept.send(());
        connection.await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await?);
        }
        let (mut from_client, mut to_client) = split(client);
        let (mut from_service, mut to_service) = split(socket);
        let upwards = async {
            let copied = copy(&mut from_client, &mut to_service).await;
            // However the client has ended, the service reads an end, and may still write.
            let _ = to_service.shutdown().await;
            drop(copied);
            pending::<Infallible>().await
        };
        tokio::select! {
            copied = copy(&mut from_service, &mut to_client) => Ok(copied.map(drop)?),
            never = upwards => match never {},
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
