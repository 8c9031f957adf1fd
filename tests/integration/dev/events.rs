use rustix::process::Signal;
use serde_json::Value;
use stackup_tests::{Connection, Host};

use super::{answers, get};

/// A stream of events after its head.
async fn listen(host: &Host) -> Connection {
    let mut connection = host.connect().await;
    let address = host.address();
    let request = format!("GET /_stackup/events HTTP/1.1\r\nhost: {address}\r\n\r\n");
    connection.send(request).await;
    let head = connection.head().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    connection
}

/// The data of the next event of this kind that matches `wanted`.
async fn next(events: &mut Connection, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let chunk = events.chunk().await.expect("an event");
        assert!(!chunk.is_empty(), "the stream ends before a `{kind}`");
        let text = String::from_utf8_lossy(&chunk).into_owned();
        let Some((_, event)) = text.split_once("event: ") else {
            continue;
        };
        let (name, data) = event.split_once("\ndata: ").expect("an event has data");
        let value = serde_json::from_str(data.trim_end()).expect("JSON");
        if name == kind && wanted(&value) {
            return value;
        }
    }
}

#[tokio::test]
async fn state_event_comes_first() {
    let (site, host) = answers("run = \"answers\"\n", &[]).await;
    let mut events = listen(&host).await;
    let state = next(&mut events, "state", |_| true).await;
    assert_eq!(state["generation"], 1);
    assert_eq!(state["problem"], Value::Null);

    get(&host, "/?body=a", &[]).await;
    let ended = next(&mut events, "request", |request| {
        request["ended"] != Value::Null
    })
    .await;
    assert_eq!(ended["status"], 200);
    assert_eq!(ended["ended"], "complete");

    site.manifest("run = \"answers\"\nuze = 1\n");
    let state = next(&mut events, "state", |state| {
        state["problem"] != Value::Null
    })
    .await;
    assert_eq!(state["generation"], 1);

    site.manifest("run = \"answers\"\nwarmup = [\"/\"]\n");
    let state = next(&mut events, "state", |state| {
        state["problem"] == Value::Null
    })
    .await;
    assert!(state["generation"].as_u64() >= Some(1), "{state}");
}

#[tokio::test]
async fn open_event_stream_delays_neither_stop_nor_renewal() {
    let manifest =
        "run = \"answers\"\n[limits]\nshutdown_timeout = \"1h\"\ndrain_timeout = \"1h\"\n";
    let (site, mut host) = answers(manifest, &[]).await;
    let mut old = listen(&host).await;
    next(&mut old, "state", |_| true).await;
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    // A client that reconnects reaches the next worker.
    while !old.chunk().await.expect("the end of a stream").is_empty() {}
    old.trailers().await.expect("the end of a stream");
    let address = host.address();
    old.send(format!(
        "GET /_stackup/events HTTP/1.1\r\nhost: {address}\r\n\r\n"
    ))
    .await;
    assert_eq!(old.head().await.header("connection"), Some("close"));
    let mut new = listen(&host).await;
    next(&mut new, "state", |_| true).await;
    old.rest().await;
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
    new.rest().await;
}
