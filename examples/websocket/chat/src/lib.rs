//! WebSockets: an echo, and a room whose members hear each other. A reload that replaces this code closes them with code
//! 1012, and the page connects again.

#![forbid(unsafe_code)]

use stackup_plugin::websocket::{Message, WebSocket, WebSocketOptions};
use stackup_plugin::{App, Context, Request, Result};
use tokio::sync::broadcast;

/// As many messages wait for a member; one that is slower misses some.
const WAITING: usize = 64;

/// Sends each message back.
async fn echo(mut req: Request) -> Result {
    // As long as conformance suites send.
    let options = WebSocketOptions::new()
        .message_bytes(64 << 20)
        .frame_bytes(64 << 20)
        .any_origin();
    req.websocket_with(&options, |mut socket| async move {
        while let Some(message) = socket.receive().await? {
            if let Message::Text(_) | Message::Binary(_) = message {
                socket.send(message).await?;
            }
        }
        Ok(())
    })
}

/// A room. Its members hear each other.
struct Room(broadcast::Sender<String>);

impl App for Room {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        Ok(Self(broadcast::Sender::new(WAITING)))
    }

    async fn call(&self, mut req: Request) -> Result {
        let room = self.0.clone();
        req.websocket(move |socket| member(socket, room))
    }
}

/// Passes on what a member says, and what it hears.
async fn member(mut socket: WebSocket, room: broadcast::Sender<String>) -> Result<()> {
    let mut heard = room.subscribe();
    loop {
        tokio::select! {
            said = socket.receive() => match said? {
                Some(Message::Text(text)) => drop(room.send(text)),
                Some(_) => {}
                None => return Ok(()),
            },
            text = heard.recv() => match text {
                Ok(text) => socket.send(text).await?,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
        }
    }
}

stackup_plugin::export!(app fn echo, app Room as "room");
