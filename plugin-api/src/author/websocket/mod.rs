//! WebSockets (RFC 6455) over upgraded connections.

mod handshake;
mod message;
mod options;
mod session;
mod socket;

use std::future::Future;
use std::sync::{Arc, Mutex};

use http::header;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use self::session::{Session, close};
use crate::{Request, Response, Result};

pub use self::message::{Close, Message};
pub use self::options::WebSocketOptions;
pub use self::socket::{Disconnected, WebSocket};

impl Request {
    /// Opens a WebSocket: `run` has it once the client knows, and it is closed when `run` ends. Messages have at most 1 MiB, and only
    /// pages of the same origin may open one; see [`websocket_with`](Self::websocket_with).
    ///
    /// ```
    /// # use stackup_plugin::{Request, Result};
    /// async fn echo(mut req: Request) -> Result {
    ///     req.websocket(|mut socket| async move {
    ///         while let Some(message) = socket.receive().await? {
    ///             socket.send(message).await?;
    ///         }
    ///         Ok(())
    ///     })
    /// }
    /// stackup_plugin::export!(app fn echo);
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`websocket_with`](Self::websocket_with).
    pub fn websocket<F, R>(&mut self, run: F) -> Result<Response>
    where
        F: FnOnce(WebSocket) -> R + Send + 'static,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        self.websocket_with(&WebSocketOptions::new(), run)
    }

    /// As [`websocket`](Self::websocket), with options.
    ///
    /// # Errors
    ///
    /// With the status for the client: 426 if it offers no WebSocket or another version, 403 if a page of another origin opens it, 405
    /// and 400 for other mistakes of the handshake (RFC 6455 §4.2).
    pub fn websocket_with<F, R>(&mut self, options: &WebSocketOptions, run: F) -> Result<Response>
    where
        F: FnOnce(WebSocket) -> R + Send + 'static,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        // First what anybody must do who offers nothing.
        let accepted = match self.offers("websocket") {
            true => Some(handshake::check(self, options)?),
            false => None,
        };
        let protocol = accepted.as_ref().and_then(|one| one.protocol.clone());
        let (config, chosen, draining) = (options.config(), protocol.clone(), self.draining());
        let mut response = self.upgrade("websocket", move |stream| async move {
            let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
            let session = Arc::new(Mutex::new(Session::new(stream, draining)));
            let ended = run(WebSocket::new(chosen, Arc::clone(&session))).await;
            match &ended {
                Ok(()) => close(&session, CloseCode::Normal, "").await,
                Err(_) => close(&session, CloseCode::Error, "").await,
            }
            ended
        })?;
        if let Some(accepted) = accepted {
            let mut headers = response.headers_mut();
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accepted.key)?;
            if let Some(protocol) = protocol {
                headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol)?;
            }
        }
        Ok(response)
    }
}
