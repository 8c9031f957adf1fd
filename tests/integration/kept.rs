//! Requests that a reload leaves alone: none of their handlers was replaced.

use serde_json::Value;
use stackup_tests::{Connection, Host, Site, within};

use crate::instances::{half_a_request, the_other_half};

/// Two maps with `probe`, each with a stamp around it; `marks` are the stamps' marks. The drain takes 100 ms.
fn manifest(marks: [&str; 2]) -> String {
    let map = |(path, mark): (&str, &str)| {
        format!(
            "[[map]]\npath = \"{path}\"\n[[map.use]]\nplugin = \"stamp\"\nconfig.mark = \"{mark}\"\n\
             [map.run]\nplugin = \"probe\"\n"
        )
    };
    let maps: String = ["/a", "/b"].into_iter().zip(marks).map(map).collect();
    format!("run = \"hello\"\n[limits]\ndrain_timeout = \"100ms\"\n{maps}")
}

async fn serving() -> (Site, Host) {
    let site = Site::new(&manifest(["a1", "b1"]), &["stamp", "probe", "hello"]);
    let host = Host::start(&site).await;
    (site, host)
}

async fn swap(site: &Site, host: &Host, marks: [&str; 2]) {
    site.manifest(&manifest(marks));
    host.reload("swapped").await;
}

/// A client's stream to `probe`, which sends back what it gets.
struct Stream(Connection);

impl Stream {
    async fn open(host: &Host, map: &str) -> Self {
        let mut stream = Self(host.connect().await);
        let head =
            format!("POST {map}/echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
        stream.0.send(head).await;
        assert_eq!(stream.0.head().await.status, 200);
        stream.echoes("first").await;
        stream
    }

    async fn echoes(&mut self, text: &str) {
        self.0.send(format!("{:x}\r\n{text}\r\n", text.len())).await;
        assert_eq!(
            self.0.chunk().await.expect("the stream lasts"),
            text.as_bytes()
        );
    }

    async fn assert_cut(mut self) {
        assert!(self.0.chunk().await.is_err(), "it is cut off, not ended");
    }
}

async fn status_with(site: &Site, text: &str) -> String {
    within("the status", async {
        loop {
            let status = site.stackup(&["status"]).await.stdout;
            if status.contains(text) {
                return status;
            }
        }
    })
    .await
}

/// Waits until the active generation has served for this time: the deadline of the one before has passed.
async fn active_for(site: &Site, seconds: f64) {
    within("the status", async {
        loop {
            let status = site.stackup(&["status", "--json"]).await.stdout;
            let status: Value = serde_json::from_str(&status).expect("JSON");
            let generations = &status["workers"][0]["status"]["generations"];
            if generations["active"]["seconds"]
                .as_f64()
                .expect("one serves")
                > seconds
            {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn stream_continues_where_another_map_is_replaced() {
    let (site, host) = serving().await;
    let mut kept = Stream::open(&host, "/a").await;
    let replaced = Stream::open(&host, "/b").await;
    swap(&site, &host, ["a1", "b2"]).await;
    let deadline = host.event("drain-deadline").await;
    let held_by = deadline.text("held_by");
    assert!(held_by.starts_with("POST /b/echo, "), "{held_by}");
    assert_eq!(held_by.lines().count(), 1, "{held_by}");
    replaced.assert_cut().await;
    // It lets go of the old generation: all that was replaced is dropped.
    assert_eq!(host.event("drained").await.number("generation"), Some(1));
    host.message("stamp: dropped b1").await;
    kept.echoes("second").await;
    let status = status_with(&site, "since generation 1").await;
    assert!(
        status.contains("POST /a/echo is sending its body"),
        "{status}"
    );
    // Two swaps later it is replaced itself, and has the deadline of the generation before.
    swap(&site, &host, ["a1", "b3"]).await;
    assert_eq!(host.event("drained").await.number("generation"), Some(2));
    kept.echoes("third").await;
    swap(&site, &host, ["a2", "b3"]).await;
    let deadline = host.event("drain-deadline").await;
    assert_eq!(deadline.number("generation"), Some(3));
    let held_by = deadline.text("held_by");
    assert!(held_by.starts_with("POST /a/echo"), "{held_by}");
    assert!(held_by.ends_with(", since generation 1"), "{held_by}");
    kept.assert_cut().await;
    host.message("stamp: dropped a1").await;
}

#[tokio::test]
async fn call_continues_where_another_map_is_replaced() {
    let (site, host) = serving().await;
    let kept = half_a_request(&host, "/a").await;
    let mut replaced = half_a_request(&host, "/b").await;
    let mut task = host.connect().await;
    assert_eq!(task.get("/b/task").await.status(), 202);
    swap(&site, &host, ["a1", "b2"]).await;
    let deadline = host.event("drain-deadline").await;
    let held_by = deadline.text("held_by");
    assert!(
        held_by.starts_with("POST /b/length in `probe`"),
        "{held_by}"
    );
    assert_eq!(replaced.response().await.status(), 503);
    // Its stack stays in memory for the call, and that is no fault.
    active_for(&site, 0.5).await;
    let status = status_with(&site, "generation 1 draining").await;
    assert!(status.contains("without a deadline"), "{status}");
    assert!(
        status.contains("1 request whose handlers were all kept"),
        "{status}"
    );
    assert!(
        status.contains("POST /a/length is running in `probe`"),
        "{status}"
    );
    the_other_half(kept, "1").await;
    assert_eq!(host.event("drained").await.number("generation"), Some(1));
    host.message("stamp: dropped b1").await;
    let stuck = |record: &stackup_tests::log::Record| record.event() == "drain-stuck";
    assert!(host.log().try_take(stuck).is_none());
}

/// Nothing of the stack is replaced: not by new limits, nor by a new layer.
#[tokio::test]
async fn requests_continue_where_nothing_is_replaced() {
    let (site, host) = serving().await;
    let mut stream = Stream::open(&host, "/a").await;
    let call = half_a_request(&host, "/b").await;
    let more = manifest(["a1", "b1"]).replace("100ms", "150ms");
    site.manifest(&format!("{more}[[use]]\nplugin = \"stamp\"\n"));
    host.reload("swapped").await;
    status_with(&site, "(without a deadline)").await;
    active_for(&site, 0.5).await;
    stream.echoes("second").await;
    the_other_half(call, "1").await;
    assert_eq!(host.event("drained").await.number("generation"), Some(1));
    stream.echoes("third").await;
    let aborted = |record: &stackup_tests::log::Record| record.event() == "drain-deadline";
    assert!(host.log().try_take(aborted).is_none());
}

/// A layer around the maps belongs to every request; `fresh` replaces all.
#[tokio::test]
async fn stream_ends_where_a_layer_around_it_is_replaced() {
    let (site, host) = serving().await;
    let stream = Stream::open(&host, "/a").await;
    host.signal(rustix::process::Signal::HUP);
    host.reload("swapped").await;
    let deadline = host.event("drain-deadline").await;
    assert!(
        deadline.text("held_by").starts_with("POST /a/echo"),
        "{deadline}"
    );
    stream.assert_cut().await;
    drop(site);
}

/// A client that takes nothing of a kept response neither ends it nor holds what was replaced for good.
#[tokio::test]
async fn stalled_client_of_a_kept_handler_is_not_cut() {
    let (site, host) = serving().await;
    let mut stalled = host.connect().await;
    stalled
        .send("GET /a/flood?count=2000 HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(stalled.head().await.status, 200);
    status_with(&site, "GET /a/flood is sending its body").await;
    swap(&site, &host, ["a1", "b2"]).await;
    active_for(&site, 0.5).await;
    let mut chunks = 0;
    while !stalled.chunk().await.expect("it is not cut").is_empty() {
        chunks += 1;
    }
    assert_eq!(chunks, 2000);
    assert_eq!(host.event("drained").await.number("generation"), Some(1));
}

/// What `cache` fetches belongs to no client, and is sent to all who want it.
#[tokio::test]
async fn fetch_continues_where_another_map_is_replaced() {
    let manifest = |mark| {
        format!(
            "run = \"hello\"\n[limits]\ndrain_timeout = \"100ms\"\n\
             [[map]]\npath = \"/a\"\nuse = [\"cache\", {{ plugin = \"headers\", config = {{ set = {{ cache-control = \"max-age=60\" }} }} }}]\n\
             run = \"probe\"\n\
             [[map]]\npath = \"/b\"\nuse = [{{ plugin = \"stamp\", config = {{ mark = \"{mark}\" }} }}]\nrun = \"hello\"\n"
        )
    };
    let plugins = ["cache", "headers", "probe", "stamp", "hello"];
    let site = Site::new(&manifest("b1"), &plugins);
    let host = Host::start(&site).await;
    let mut left = host.connect().await;
    let mut kept = host.connect().await;
    for client in [&mut left, &mut kept] {
        client
            .send("GET /a/held HTTP/1.1\r\nhost: test\r\n\r\n")
            .await;
        assert_eq!(client.head().await.status, 200);
        assert_eq!(client.chunk().await.expect("a chunk"), b"begun\n");
    }
    // The fetch was for this one at first.
    drop(left);
    site.manifest(&manifest("b2"));
    host.reload("swapped").await;
    active_for(&site, 0.5).await;
    status_with(&site, "GET /a/held").await;
    assert_eq!(host.get("/a/let-go").await.status(), 204);
    assert_eq!(kept.chunk().await.expect("it is not cut"), b"ended\n");
    assert_eq!(kept.chunk().await.expect("it ends"), b"");
    assert_eq!(host.event("drained").await.number("generation"), Some(1));
    host.message("stamp: dropped b1").await;
    for event in ["drain-deadline", "drain-stuck"] {
        let found = |record: &stackup_tests::log::Record| record.event() == event;
        assert!(host.log().try_take(found).is_none(), "{event}");
    }
}
