//! An axum app that knows nothing of stackup.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{
    ConnectInfo, DefaultBodyLimit, MatchedPath, Multipart, OriginalUri, Path, State,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use http_body_util::{BodyExt, Full};

/// Identifies this library among its copies: tests patch the digits in the file.
const CODE: &str = "stackup-tower-code-00000000";

pub async fn router() -> Router {
    // A task of the runtime that the router is made in.
    let state = tokio::spawn(async { Arc::default() });
    let nested = Router::new().route("/users/{id}", get(place));
    Router::new()
        .route("/code", get(code))
        .route("/visits", get(visits))
        .route("/sum", post(sum))
        .route("/parts", post(parts))
        .route("/events", get(events))
        .route("/trailers", get(trailers))
        .route("/echo", post(echo))
        .route("/wait", post(wait))
        .route("/small", post(length).layer(DefaultBodyLimit::max(10)))
        .route("/never", get(std::future::pending::<()>))
        .route("/ws", get(ws))
        .nest("/nested", nested)
        .fallback(nothing)
        .with_state(state.await.unwrap_or_default())
}

async fn code() -> &'static str {
    std::hint::black_box(CODE)
}

async fn visits(State(visits): State<Arc<AtomicU64>>) -> String {
    visits.fetch_add(1, Ordering::Relaxed).to_string()
}

async fn sum(Json(numbers): Json<Vec<i64>>) -> Json<HashMap<&'static str, i64>> {
    Json(HashMap::from([("sum", numbers.iter().sum())]))
}

async fn parts(mut parts: Multipart) -> Result<String, Response> {
    let mut told = String::new();
    while let Some(part) = parts
        .next_field()
        .await
        .map_err(IntoResponse::into_response)?
    {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(IntoResponse::into_response)?;
        told += &format!("{name}: {} bytes\n", bytes.len());
    }
    Ok(told)
}

async fn events() -> Sse<impl stream::Stream<Item = Result<Event, Infallible>>> {
    let events = ["one", "two"].map(|name| Ok(Event::default().data(name)));
    Sse::new(stream::iter(events))
}

async fn trailers() -> ([(&'static str, &'static str); 1], Body) {
    let sums = async {
        let (name, value) = (
            HeaderName::from_static("x-sum"),
            HeaderValue::from_static("7"),
        );
        Some(Ok(HeaderMap::from_iter([(name, value)])))
    };
    // A body of known length goes out without its trailers, from axum's own server as well.
    let body = Full::from("text")
        .with_trailers(sums)
        .map_frame(|frame| frame);
    // hyper sends those trailers that the head announces.
    ([("trailer", "x-sum")], Body::new(body))
}

async fn echo(body: Body) -> Body {
    body
}

/// Answers when all of the body has arrived.
async fn wait(body: Bytes) -> Bytes {
    body
}

async fn length(body: Bytes) -> String {
    body.len().to_string()
}

async fn place(
    Path(id): Path<u32>,
    matched: MatchedPath,
    OriginalUri(original): OriginalUri,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
) -> String {
    format!("{id} {} {original} {}", matched.as_str(), client.ip())
}

async fn ws(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            let is_text = matches!(message, Message::Text(_));
            if is_text && socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

async fn nothing(body: Body) -> (StatusCode, String) {
    (
        StatusCode::NOT_FOUND,
        format!("nothing here, {:?}", body.size_hint().exact()),
    )
}
