//! What axum's own server gives to its handlers.

use axum::extract::{ConnectInfo, OriginalUri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[test]
fn extractors_of_a_server_work() {
    async fn where_from(
        ConnectInfo(client): ConnectInfo<std::net::SocketAddr>,
        OriginalUri(uri): OriginalUri,
    ) -> String {
        format!("{client} {uri}")
    }
    fn router() -> Router {
        Router::new().nest("/nested", Router::new().route("/tea", on_get(where_from)))
    }
    let app = testing::app_service(router, json!(null)).unwrap();
    let request = get("/shop/nested/tea?cup=1").script_name("/shop");
    let text = text(&app, request).unwrap();
    assert_eq!(text, "127.0.0.1:50000 /shop/nested/tea?cup=1");
}

/// Echoes what it gets through hyper's upgrade, as axum's `ws` does.
async fn echo(mut req: axum::extract::Request) -> axum::response::Response {
    let on_upgrade = hyper::upgrade::on(&mut req);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(on_upgrade.await.unwrap());
        let mut buffer = [0; 100];
        loop {
            match stream.read(&mut buffer).await.unwrap() {
                0 => break stream.write_all(b"bye").await.unwrap(),
                length => stream.write_all(&buffer[..length]).await.unwrap(),
            }
        }
    });
    let response = http::Response::builder()
        .status(101)
        .header("upgrade", "echo");
    let response = response
        .header("connection", "upgrade")
        .header("x-kept", "1");
    response.body(axum::body::Body::empty()).unwrap()
}

fn router() -> Router {
    Router::new().route("/", on_get(echo))
}

#[test]
fn upgrade_by_hyper_reaches_the_client() {
    let app = testing::with_tokio(|| testing::app_service(router, json!(null))).unwrap();
    let request = get("/").offering("echo", "Hello? ");
    let res = block_on(app.answer(request)).unwrap();
    assert_eq!((res.status().as_u16(), res.accepted()), (101, Some("echo")));
    assert_eq!(res.header("x-kept"), Some("1"));
    assert_eq!(
        (res.header("upgrade"), res.header("connection")),
        (None, None)
    );
    // axum adds one, since it sees an empty body.
    assert_eq!(res.header("content-length"), None);
    assert_eq!(block_on(res.finish()).unwrap(), "Hello? bye");
}

#[test]
fn offer_that_is_not_taken_changes_nothing() {
    let app = testing::app_service(|| Router::new().route("/", on_get("no")), json!(null));
    let request = get("/").offering("echo", "Hello?");
    assert_eq!(text(&app.unwrap(), request).unwrap(), "no");
}
