//! Streams of HTTP/2 that change to another protocol (RFC 8441).

use rustix::process::Signal;
use stackup_tests::http2::{Frame, frame, next, until};
use stackup_tests::{Connection, Host, Site, artifacts, within};

use super::echoes;
use crate::extended_connect::Http2;
use crate::serving::http2::raw;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

fn manifest(stack: &str, limits: &str) -> String {
    let listen = "listen = [{ address = \"127.0.0.1:0\", http2 = true }]";
    format!("{stack}\n[server]\n{listen}\n[limits]\n{limits}\n")
}

async fn serving(limits: &str) -> (Site, Host) {
    let manifest = manifest("run = \"upgrades\"", limits);
    let site = Site::new(&manifest, &["upgrades", "hello"]);
    let mut host = Host::launch(artifacts::stackup(), &site, &["-v"]);
    host.ready().await;
    (site, host)
}

/// The head of an extended CONNECT for `echo`, as frames.
fn connect(stream: u32, path: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "CONNECT"),
        (":protocol", "echo"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "test"),
    ] {
        // A literal with a new name (RFC 7541 §6.2.2).
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("a short text"));
            block.extend(text.as_bytes());
        }
    }
    frame(HEADERS, 4, stream, &block)
}

/// A stream that has changed, on a connection whose frames the test writes itself.
async fn opened(connection: &mut Connection, stream: u32, path: &str) {
    connection.send(connect(stream, path)).await;
    let head = until(connection, HEADERS).await.expect("a response");
    // `:status: 200` has an index of its own (RFC 7541 appendix A). It does not end the stream.
    assert_eq!(
        (head.stream, head.flags & 1, head.payload[0]),
        (stream, 0, 0x88)
    );
}

#[tokio::test]
async fn streams_change_beside_each_other_and_beside_requests() {
    let (site, host) = serving("").await;
    let mut client = Http2::connect(&host).await;
    let head = client.ask("/promises", "echo", &[]).await;
    assert_eq!(head.status(), 200);
    for name in ["content-length", "connection", "upgrade"] {
        assert_eq!(head.headers().get(name), None, "{name}");
    }
    let mut one = client.open("/echo", "echo", &[]).await;
    let mut other = client.open("/echo", "ECHO", &[]).await;
    let long = "x".repeat(300_000);
    for text in ["one", &long, "GET nonsense\r\n\r\n"] {
        echoes(&mut one, text).await;
        echoes(&mut other, text).await;
        assert_eq!(client.get("/nothing").await.0, 404);
    }
    let status = site.stackup(&["status"]).await.stdout;
    let bytes = long.len() + 19;
    let named = format!(", {bytes} bytes received, {bytes} sent");
    assert_eq!(status.matches(&named).count(), 2, "{status}");
    one.half_close().await;
    assert_eq!(one.rest().await, b"bye");
    echoes(&mut other, "still here").await;
}

#[tokio::test]
async fn refusal_is_an_ordinary_response() {
    let (_site, host) = serving("").await;
    let mut client = Http2::connect(&host).await;
    for (path, protocol, status, body) in [
        ("/refused", "echo", 403, "no\n"),
        ("/nothing", "echo", 404, ""),
        // It accepts nothing: a success would say that the stream has changed.
        ("/offers", "other", 501, "other"),
        ("/echo", "other", 426, "426 Upgrade Required\n"),
        ("/bare", "echo", 500, "500 Internal Server Error\n"),
    ] {
        let refused = client.refused(path, protocol, &[]).await;
        assert_eq!((refused.0.as_u16(), refused.1.as_str()), (status, body));
    }
    let mut stream = client.open("/echo", "echo", &[]).await;
    echoes(&mut stream, "after all").await;
}

#[tokio::test]
async fn reset_drops_the_handler_and_leaves_the_connection() {
    let (_site, host) = serving("").await;
    let mut connection = raw(&host).await;
    let settings = until(&mut connection, SETTINGS).await.expect("settings");
    let enabled = [0, 8, 0, 0, 0, 1];
    assert!(
        settings.payload.chunks(6).any(|one| one == enabled),
        "SETTINGS_ENABLE_CONNECT_PROTOCOL"
    );
    opened(&mut connection, 1, "/silent").await;
    host.message("upgrades: silent").await;
    let cancel = 8_u32.to_be_bytes();
    connection.send(frame(RST_STREAM, 0, 1, &cancel)).await;
    host.message("upgrades: dropped").await;
    opened(&mut connection, 3, "/echo").await;
    connection.send(frame(DATA, 0, 3, b"hello")).await;
    let data = until(&mut connection, DATA).await.expect("an echo");
    assert_eq!((data.stream, &data.payload[..]), (3, &b"hello"[..]));
    // The client's end is the end of what the handler reads; then its own.
    connection.send(frame(DATA, 1, 3, b"")).await;
    let mut rest = Vec::new();
    let ended = loop {
        match next(&mut connection).await.expect("the rest") {
            Frame {
                kind: DATA,
                flags,
                payload,
                ..
            } => {
                rest.extend(payload);
                if flags & 1 == 1 {
                    break true;
                }
            }
            Frame {
                kind: RST_STREAM, ..
            } => break false,
            _ => {}
        }
    };
    assert!(ended, "END_STREAM and no reset");
    assert_eq!(rest, b"bye");
}

#[tokio::test]
async fn end_of_a_connection_drops_the_handlers_of_its_streams() {
    let (_site, host) = serving("").await;
    let mut connection = raw(&host).await;
    opened(&mut connection, 1, "/silent").await;
    host.message("upgrades: silent").await;
    drop(connection);
    host.message("upgrades: dropped").await;
}

#[tokio::test]
async fn handler_that_fails_or_panics_ends_its_stream_after_what_it_sent() {
    let (_site, host) = serving("").await;
    let mut client = Http2::connect(&host).await;
    let mut other = client.open("/echo", "echo", &[]).await;
    for path in ["/fails", "/panics"] {
        let mut stream = client.open(path, "echo", &[]).await;
        stream.send("go on").await;
        assert_eq!(stream.rest().await, b"half of it");
    }
    echoes(&mut other, "still here").await;
}

#[tokio::test]
async fn client_that_takes_nothing_is_reset_by_send_timeout_and_its_requests_go_on() {
    let (_site, host) = serving("send_timeout = \"100ms\"").await;
    let mut connection = raw(&host).await;
    opened(&mut connection, 1, "/stalls").await;
    let reset = until(&mut connection, RST_STREAM).await.expect("a reset");
    assert_eq!(reset.stream, 1);
    host.message("upgrades: dropped").await;
    opened(&mut connection, 3, "/echo").await;
}

#[tokio::test]
async fn connection_with_a_changed_stream_is_neither_idle_nor_makes_room() {
    let limits = "connections = 2\nheader_timeout = \"50ms\"\nrequest_timeout = \"50ms\"";
    let (_site, host) = serving(limits).await;
    let mut client = Http2::connect(&host).await;
    let mut stream = client.open("/echo", "echo", &[]).await;
    echoes(&mut stream, "hello").await;
    // The limits have passed once they have ended another connection, which is younger.
    let mut idle = host.connect().await;
    idle.send("GET / HTTP/1.1\r\n").await;
    assert_eq!(idle.response().await.status(), 408);
    let mut waits = host.connect().await;
    assert_eq!(waits.get("/offers").await.status(), 200);
    assert_eq!(host.get("/offers").await.status(), 200, "the third one");
    echoes(&mut stream, "still here").await;
    assert_eq!(client.get("/offers").await.0, 200);
}

#[tokio::test]
async fn reload_that_replaces_the_handler_ends_the_stream_at_upgrade_drain() {
    let limits = "drain_timeout = \"1h\"\nupgrade_drain = \"100ms\"";
    let (site, host) = serving(limits).await;
    let mut client = Http2::connect(&host).await;
    let mut leaves = client.open("/leaves", "echo", &[]).await;
    let mut silent = client.open("/silent", "echo", &[]).await;
    // It reads nothing.
    let mut stalled = raw(&host).await;
    opened(&mut stalled, 1, "/flood").await;
    host.message("upgrades: silent").await;
    site.manifest(&manifest("run = \"hello\"", limits));
    host.reload("swapped").await;
    assert_eq!(leaves.rest().await, b"come again");
    let deadline = host.event("upgrade-deadline").await;
    let held_by = deadline.text("held_by");
    assert!(held_by.contains("GET /silent in `upgrades`"), "{held_by}");
    assert!(held_by.contains("GET /flood"), "{held_by}");
    assert!(silent.closes().await);
    let reset = until(&mut stalled, RST_STREAM).await.expect("a reset");
    assert_eq!(reset.stream, 1);
    host.event("drained").await;
    assert_eq!(client.get("/").await.1, "Hello, World!\n");
}

#[tokio::test]
async fn restart_says_goaway_and_leaves_the_stream_its_upgrade_drain() {
    let limits = "drain_timeout = \"50ms\"\nshutdown_timeout = \"50ms\"\nupgrade_drain = \"2s\"";
    let (site, host) = serving(limits).await;
    let mut connection = raw(&host).await;
    opened(&mut connection, 1, "/echo").await;
    let mut idle = raw(&host).await;
    until(&mut idle, SETTINGS).await.expect("settings");
    let mut endless = host.connect().await;
    endless
        .send("GET /endless HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(endless.head().await.status, 200);
    assert_eq!(endless.chunk().await.expect("a chunk"), b"endless\n");
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    until(&mut connection, GOAWAY).await.expect("a GOAWAY");
    // The deadlines of all others.
    let cut = host.event("cut").await;
    assert!(cut.text("held_by").starts_with("GET /endless"), "{cut}");
    connection.send(frame(DATA, 0, 1, b"still here")).await;
    let data = until(&mut connection, DATA).await.expect("an echo");
    assert_eq!(data.payload, b"still here");
    let cut = host.event("cut").await;
    assert_eq!(cut.number("cut"), Some(1), "{cut}");
    let held_by = cut.text("held_by");
    let named = "GET /echo in `upgrades`, changed to echo (10 bytes received, 10 sent) for ";
    assert!(held_by.starts_with(named), "{held_by}");
    within("the end", connection.rest()).await;
}

#[tokio::test]
async fn stop_tells_the_handlers_first() {
    let (_site, mut host) = serving("").await;
    let mut client = Http2::connect(&host).await;
    let mut stream = client.open("/leaves", "echo", &[]).await;
    host.signal(Signal::TERM);
    assert_eq!(stream.rest().await, b"come again");
    drop((stream, client));
    assert!(within("the exit", host.exited()).await.success());
}
