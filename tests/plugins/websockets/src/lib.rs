//! An app that opens WebSockets. The path says with which options, and how they end.

#![forbid(unsafe_code)]

use stackup_plugin::websocket::{Message, WebSocket, WebSocketOptions};
use stackup_plugin::{Error, Request, Result};

async fn websockets(mut req: Request) -> Result {
    let options = WebSocketOptions::new();
    match req.path_info() {
        "/limited" => {
            let options = options.message_bytes(100_000).frame_bytes(100_000);
            req.websocket_with(&options, echo)
        }
        "/friends" => req.websocket_with(&options.origins(["https://friend.test"]), echo),
        // Says which subprotocol it has.
        "/protocols" => {
            let options = options.protocols(["v2", "v1"]);
            req.websocket_with(&options, |mut socket| async move {
                let protocol = format!("{:?}", socket.protocol());
                socket.send(protocol).await?;
                echo(socket).await
            })
        }
        "/ends" => req.websocket(|_socket| async { Ok(()) }),
        "/fails" => req.websocket(|_socket| async { Err(Error::msg("the handler fails")) }),
        "/closes" => req.websocket(|mut socket| async move {
            socket.close(4001, "enough").await?;
            echo(socket).await
        }),
        _ => req.websocket(echo),
    }
}

async fn echo(mut socket: WebSocket) -> Result<()> {
    while let Some(message) = socket.receive().await? {
        if let Message::Text(_) | Message::Binary(_) = message {
            socket.send(message).await?;
        }
    }
    Ok(())
}

stackup_plugin::export!(app fn websockets);
