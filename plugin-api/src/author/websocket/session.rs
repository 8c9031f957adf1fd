//! The state of an open WebSocket, which its handler and what closes it in the end share.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use http::StatusCode;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Error as SocketError};

use super::{Close, Disconnected, Message};
use crate::{Draining, Error, Result, Upgraded};

pub(super) struct Session {
    stream: WebSocketStream<Upgraded>,
    /// None once it has completed.
    draining: Option<Draining>,
    state: State,
}

enum State {
    Open,
    /// This side has sent its close frame.
    Closing,
    /// Nothing follows.
    Closed(Option<Close>),
}

pub(super) fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends a message; waits while there is no room.
pub(super) async fn write(
    session: &Mutex<Session>,
    message: tungstenite::Message,
) -> Result<(), Disconnected> {
    let mut message = Some(message);
    let written = poll_fn(|cx| {
        let session = &mut *lock(session);
        let mut stream = Pin::new(&mut session.stream);
        if message.is_some() {
            ready!(stream.as_mut().poll_ready(cx))?;
        }
        if let Some(message) = message.take() {
            stream.as_mut().start_send(message)?;
        }
        stream.poll_flush(cx)
    });
    written.await.map_err(|_: SocketError| Disconnected)
}

/// Closes an open socket.
pub(super) async fn close(session: &Mutex<Session>, code: CloseCode, reason: &str) {
    if !lock(session).begin_closing() {
        return;
    }
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    // The client may be gone.
    let _ = write(session, tungstenite::Message::Close(Some(frame))).await;
}

impl Session {
    pub(super) fn new(stream: WebSocketStream<Upgraded>, draining: Draining) -> Self {
        Self {
            stream,
            draining: Some(draining),
            state: State::Open,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether it was open until now.
    fn begin_closing(&mut self) -> bool {
        let was_open = self.is_open();
        if was_open {
            self.state = State::Closing;
        }
        was_open
    }

    pub(super) fn closed_by_client(&self) -> Option<Close> {
        match &self.state {
            State::Closed(close) => close.clone(),
            State::Open | State::Closing => None,
        }
    }

    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>>> {
        loop {
            if matches!(self.state, State::Closed(_)) {
                // What the close handshake has left to send.
                let _ = ready!(Pin::new(&mut self.stream).poll_flush(cx));
                return Poll::Ready(Ok(None));
            }
            self.look_for_deadline(cx);
            if matches!(self.state, State::Closed(_)) {
                continue;
            }
            let message = match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                None => {
                    self.state = State::Closed(None);
                    continue;
                }
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    let failed = self.failed(cx, error);
                    self.state = State::Closed(None);
                    match failed {
                        Some(error) => return Poll::Ready(Err(error)),
                        None => continue,
                    }
                }
            };
            match Message::of(message) {
                Ok(message) => return Poll::Ready(Ok(Some(message))),
                Err(Some(close)) => self.state = State::Closed(Some(close)),
                Err(None) => {}
            }
        }
    }

    /// Closes it where its request has a deadline.
    fn look_for_deadline(&mut self, cx: &mut Context<'_>) {
        let Some(draining) = &mut self.draining else {
            return;
        };
        if Pin::new(draining).poll(cx).is_ready() {
            self.draining = None;
            if self.begin_closing() {
                self.send_close(cx, CloseCode::Restart, "the server restarts");
                self.state = State::Closed(None);
            }
        }
    }

    /// The client has broken a rule, or is gone: none if that is a usual end.
    fn failed(&mut self, cx: &mut Context<'_>, error: SocketError) -> Option<Error> {
        let (code, reason) = match &error {
            SocketError::ConnectionClosed | SocketError::AlreadyClosed => return None,
            SocketError::Utf8(_) => (CloseCode::Invalid, "text must be UTF-8"),
            SocketError::Capacity(CapacityError::MessageTooLong { .. }) => {
                (CloseCode::Size, "the message is too long")
            }
            SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                let message = "the client left without closing the WebSocket";
                return Some(Error::new(StatusCode::BAD_REQUEST, message));
            }
            SocketError::Protocol(_) => (CloseCode::Protocol, "the frame breaks a rule"),
            _ => return Some(Error::new(StatusCode::BAD_REQUEST, error)),
        };
        self.send_close(cx, code, reason);
        let message = format!("a WebSocket failed: {error}");
        Some(Error::new(StatusCode::BAD_REQUEST, message))
    }

    /// Sends a close frame, as far as there is room at once.
    fn send_close(&mut self, cx: &mut Context<'_>, code: CloseCode, reason: &str) {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let mut stream = Pin::new(&mut self.stream);
        if stream.as_mut().poll_ready(cx).is_ready() {
            let close = tungstenite::Message::Close(Some(frame));
            // The client may be gone.
            let _ = stream.as_mut().start_send(close);
        }
        let _ = stream.poll_flush(cx);
    }
}
