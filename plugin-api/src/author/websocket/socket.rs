//! An open WebSocket.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::session::{Session, close, lock, write};
use super::{Close, Message};
use crate::{Error, Result};

/// An open WebSocket. When the future that has got it ends, the socket is closed with code 1000, or with 1011 after an error.
pub struct WebSocket {
    protocol: Option<String>,
    session: Arc<Mutex<Session>>,
}

/// The client can't get anything any more: the socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnected;

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the WebSocket is closed")
    }
}

impl std::error::Error for Disconnected {}

impl WebSocket {
    pub(super) fn new(protocol: Option<String>, session: Arc<Mutex<Session>>) -> Self {
        Self { protocol, session }
    }

    /// The subprotocol that was chosen.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The next message; none once the socket is closed, by either side. Pings are answered while this waits, and it can be
    /// cancelled without loss, as in a `select!`.
    ///
    /// When a reload replaces a handler of the socket, or its process ends, this closes the socket with code 1012 ("service restart")
    /// and returns none.
    ///
    /// # Errors
    ///
    /// The client breaks a rule, or the limits: then the socket is closed with code 1002, 1007 or 1009. Or the connection breaks off.
    pub async fn receive(&mut self) -> Result<Option<Message>> {
        poll_fn(|cx| lock(&self.session).poll_receive(cx)).await
    }

    /// Sends a message; waits while the client takes nothing.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] if the socket is closed.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Disconnected> {
        if !lock(&self.session).is_open() {
            return Err(Disconnected);
        }
        write(&self.session, message.into().into_tungstenite()).await
    }

    /// Closes the socket with a code and a reason (RFC 6455 §7.4): 1000, 1001, 1003, 1007 to 1014, or one of your own from 3000 to
    /// 4999. Then nothing can be sent, and [`receive`](Self::receive) returns what arrives until the client has closed its side too.
    ///
    /// # Errors
    ///
    /// The code is none of these, or the reason is longer than 123 bytes.
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<()> {
        let code = CloseCode::from(code);
        if !code.is_allowed() || reason.len() > 123 {
            let message = format!(
                "`{code}` with {} bytes of a reason can't close a WebSocket",
                reason.len()
            );
            return Err(Error::msg(message));
        }
        close(&self.session, code, reason).await;
        Ok(())
    }

    /// Why the client has closed it; none while it is open, if the connection broke off or this side was first.
    pub fn closed_by_client(&self) -> Option<Close> {
        lock(&self.session).closed_by_client()
    }
}

impl Stream for WebSocket {
    type Item = Result<Message>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        lock(&self.session).poll_receive(cx).map(Result::transpose)
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
