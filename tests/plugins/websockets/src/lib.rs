//! An app that opens WebSockets, and an event stream. The path says with which options, and how they end.

#![forbid(unsafe_code)]

use std::time::Duration;

use stackup_plugin::events::Event;
use stackup_plugin::websocket::{Message, WebSocket, WebSocketOptions};
use stackup_plugin::{Error, IntoResponse, Request, Result, StatusCode, tracing};

async fn websockets(mut req: Request) -> Result {
    let options = WebSocketOptions::new();
    match req.path_info() {
        "/limited" => {
            let options = options.message_bytes(100_000).frame_bytes(100_000);
            req.websocket_with(&options, echo)
        }
        "/friends" => req.websocket_with(&options.origins(["https://friend.test"]), echo),
        "/anyone" => req.websocket_with(&options.any_origin(), echo),
        "/frames" => req.websocket_with(&options.frame_bytes(1000), echo),
        // The log says how it ends.
        "/closed" => req.websocket(|mut socket| async move {
            let ended = loop {
                match socket.receive().await {
                    Ok(Some(_)) => {}
                    ended => break ended.map(drop),
                }
            };
            let close = socket.closed_by_client();
            tracing::info!("websockets: ended: {ended:?} {close:?}");
            Ok(())
        }),
        // Says which subprotocol it has.
        "/protocols" => {
            let options = options.protocols(["v2", "v1"]);
            req.websocket_with(&options, |mut socket| async move {
                let protocol = format!("{:?}", socket.protocol());
                socket.send(protocol).await?;
                echo(socket).await
            })
        }
        // Says first which generation serves it.
        "/generation" => {
            let generation = req.generation();
            req.websocket(move |mut socket| async move {
                socket.send(format!("generation {generation}")).await?;
                echo(socket).await
            })
        }
        // Says first by which version of HTTP it came.
        "/version" => {
            let version = format!("{:?}", req.version());
            req.websocket(move |mut socket| async move {
                socket.send(version).await?;
                echo(socket).await
            })
        }
        // Says what it may not do.
        "/errs" => req.websocket(|mut socket| async move {
            for (code, reason) in [(1005, ""), (999, ""), (1000, "x".repeat(124).as_str())] {
                if let Err(refused) = socket.close(code, reason).await {
                    socket.send(refused.to_string()).await?;
                }
            }
            socket.close(1000, "").await?;
            let late = socket.send("late").await;
            tracing::info!("websockets: {late:?}");
            Ok(())
        }),
        "/positions" => positions(&req),
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

/// An event stream with one event, an id without data. A client that sends an id gets 204, which ends its `EventSource`.
fn positions(req: &Request) -> Result {
    let last = req.last_event_id();
    tracing::info!("positions: {last:?}");
    if last.is_some() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let position = req.events(|mut events| async move {
        events.send(Event::only_id("7 ü")?).await?;
        Ok(())
    });
    position.retry(Duration::from_millis(10)).into_response()
}

stackup_plugin::export!(app fn websockets);
