//! The limits of HTTP/2, and clients that abuse it.

use http::StatusCode;
use stackup_tests::http2::{frame, get, last, next, until};
use stackup_tests::{Site, within};

use super::{DATA, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS};
use super::{answers, client, raw, request, send, start};

#[tokio::test]
async fn limits_of_heads_hold() {
    let lines = "[limits]\nheader_bytes = \"8KiB\"\nheader_count = 10\nhttp2_streams = 3\n";
    let (_site, host) = start(&["probe"], "run = \"probe\"", lines).await;
    let mut connection = raw(&host).await;
    let settings = until(&mut connection, SETTINGS)
        .await
        .expect("settings")
        .payload;
    let setting = |id: u8| {
        let mut all = settings.chunks(6);
        let found = all.find(|setting| setting[..2] == [0, id]);
        found.map(|found| u32::from_be_bytes([found[2], found[3], found[4], found[5]]))
    };
    assert_eq!((setting(3), setting(6)), (Some(3), Some(8 << 10)));
    let mut client = client(&host).await;
    for (name, value) in [("x", "y".repeat(9000)), ("many", "1".to_owned())] {
        let mut request = request("GET", "/", "");
        for index in 0..if name == "many" { 20 } else { 1 } {
            let name = format!("{name}-{index}")
                .parse::<http::HeaderName>()
                .expect("a name");
            request
                .headers_mut()
                .insert(name, value.parse().expect("a value"));
        }
        let status = send(&mut client, request).await.status();
        assert_eq!(
            status,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "{name}"
        );
    }
    assert_eq!(
        send(&mut client, request("GET", "/", "")).await.status(),
        200
    );
    // One more than may be in flight is refused.
    for stream in [1, 3, 5, 7] {
        connection.send(get(stream, "/wait", 5)).await;
    }
    let reset = until(&mut connection, RST_STREAM).await.expect("a reset");
    assert_eq!(
        (reset.stream, &reset.payload[..]),
        (7, &[0, 0, 0, 7][..]),
        "REFUSED_STREAM"
    );
}

#[tokio::test]
async fn client_that_opens_no_window_is_reset_by_send_timeout_and_others_are_served() {
    let lines = "[limits]\nsend_timeout = \"200ms\"\n";
    let (_site, host) = start(&["probe"], "run = \"probe\"", lines).await;
    let mut connection = raw(&host).await;
    connection.send(get(1, "/flood?count=100000000", 5)).await;
    let reset = until(&mut connection, RST_STREAM).await.expect("a reset");
    assert_eq!(reset.stream, 1);
    let finished = host.message("probe: finished /flood 200").await;
    let why = "took nothing for `[limits] send_timeout`";
    assert!(finished.message().contains(why), "{finished}");
    // The connection goes on with another stream.
    let more = (1_u32 << 20).to_be_bytes();
    connection.send(frame(8, 0, 0, &more)).await;
    connection.send(get(3, "/", 5)).await;
    let head = until(&mut connection, HEADERS).await.expect("a response");
    assert_eq!(head.stream, 3);
}

#[tokio::test]
async fn rest_of_a_body_that_no_handler_reads_is_taken_and_nothing_is_reset() {
    let lines = "[limits]\nbody_bytes = 40000\n";
    let (_site, host) = start(&["probe"], "run = \"probe\"", lines).await;
    let mut connection = raw(&host).await;
    let part = [b'x'; 10_000];
    // The second is refused for its length.
    for (stream, length, status) in [(1, 30_000, 0x88), (3, 60_000, 0)] {
        let mut head = get(stream, "/ignore", 4);
        head[9] = 0x83;
        let text = length.to_string();
        head.extend([0x5c, u8::try_from(text.len()).expect("a short number")]);
        head.extend(text.as_bytes());
        head[2] = u8::try_from(head.len() - 9).expect("a short head");
        connection.send(head).await;
        connection.send(frame(DATA, 0, stream, &part)).await;
        let head = until(&mut connection, HEADERS).await.expect("a response");
        assert_eq!(head.stream, stream);
        assert_eq!(head.payload[0] == 0x88, status == 0x88, "200, and 413");
        for at in 2..=length / 10_000 {
            let flags = u8::from(at == length / 10_000);
            connection.send(frame(DATA, flags, stream, &part)).await;
        }
    }
    connection.send(get(5, "/", 5)).await;
    loop {
        let frame = next(&mut connection).await.expect("a response");
        assert_ne!(frame.kind, RST_STREAM, "{frame:?}");
        if (frame.kind, frame.stream) == (HEADERS, 5) {
            break;
        }
    }
}

#[tokio::test]
async fn idle_connection_gets_goaway_and_ends() {
    let lines = "[limits]\nheader_timeout = \"200ms\"\n";
    let (_site, host) = start(&["probe"], "run = \"probe\"", lines).await;
    let mut connection = raw(&host).await;
    connection.send(get(1, "/", 5)).await;
    let goaway = last(&mut connection, GOAWAY).await.expect("a GOAWAY");
    assert_eq!(goaway.payload[4..8], [0; 4], "no error");
}

/// h2 itself limits requests that are reset before they begin.
#[tokio::test]
async fn rapid_reset_ends_the_connection() {
    let (_site, host) = start(
        &["probe"],
        "run = \"probe\"",
        "[limits]\nhttp2_streams = 20\n",
    )
    .await;
    let mut connection = raw(&host).await;
    let mut sent = 0;
    for stream in (1..40_000).step_by(2) {
        let mut frames = get(stream, "/wait", 5);
        frames.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        if connection.try_send(&frames).await.is_err() {
            break;
        }
        sent += 1;
    }
    assert!(sent < 20_000, "the host takes all of it");
    host.message("a connection of HTTP/2 ended early").await;
    answers(&host).await;
}

/// Each has begun when it is reset: h2 counts only those that have not.
#[tokio::test]
async fn requests_that_begin_and_are_given_up_end_the_connection() {
    let (_site, host) = start(
        &["probe"],
        "run = \"probe\"",
        "[limits]\nhttp2_streams = 20\n",
    )
    .await;
    let mut connection = raw(&host).await;
    for stream in (1..4000).step_by(2) {
        let mut frames = get(stream, "/wait", 5);
        frames.extend(frame(PING, 0, 0, &[0; 8]));
        if connection.try_send(&frames).await.is_err()
            || until(&mut connection, PING).await.is_err()
        {
            break;
        }
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        let _ = connection.try_send(&reset).await;
    }
    host.message("gave up too many requests").await;
    answers(&host).await;
}

#[tokio::test]
async fn endless_header_block_ends_the_connection() {
    let (_site, host) = start(&["probe"], "run = \"probe\"", "").await;
    let mut connection = raw(&host).await;
    // No END_HEADERS; each frame has a field of 1 KiB without a name in the table.
    let mut sent = connection.try_send(&get(1, "/", 1)).await;
    let mut field = vec![0, 1, b'x', 0x7f, 0x81, 0x07];
    field.extend([b'y'; 1024]);
    let continuation = frame(9, 0, 1, &field);
    let mut count = 0;
    while sent.is_ok() && count < 100_000 {
        sent = connection.try_send(&continuation).await;
        count += 1;
    }
    assert!(sent.is_err(), "{count} frames are taken");
    answers(&host).await;
}

#[tokio::test]
async fn floods_of_control_and_empty_frames_leave_others_served() {
    let (site, host) = start(&["probe"], "run = \"probe\"", "").await;
    let before = resident(&site).await;
    let mut floods = Vec::new();
    for kind in [PING, SETTINGS, DATA] {
        let mut connection = raw(&host).await;
        let one = match kind {
            PING => frame(PING, 0, 0, &[0; 8]),
            SETTINGS => frame(SETTINGS, 0, 0, &[]),
            _ => {
                // A POST whose body never ends.
                let mut head = get(1, "/length", 4);
                head[9] = 0x83;
                connection.send(head).await;
                frame(DATA, 0, 1, &[])
            }
        };
        let many = one.repeat(1000);
        floods.push(tokio::spawn(async move {
            // A host that no longer reads is as good as one that ends the connection.
            let flood = async {
                for _ in 0..200 {
                    if connection.try_send(&many).await.is_err() {
                        return;
                    }
                }
            };
            let _ = tokio::time::timeout(std::time::Duration::from_secs(2), flood).await;
        }));
    }
    answers(&host).await;
    for flood in floods {
        within("a flood", flood).await.expect("it ends");
    }
    answers(&host).await;
    let after = resident(&site).await;
    assert!(
        after < before + (64 << 20),
        "{before} bytes before, {after} after"
    );
}

async fn resident(site: &Site) -> u64 {
    let said = site.stackup(&["status", "--json"]).await;
    let status: serde_json::Value = serde_json::from_str(&said.stdout).unwrap_or_default();
    let bytes = status["workers"][0]["status"]["resident_bytes"].as_u64();
    bytes.expect("the system says how much")
}

#[tokio::test]
async fn stalled_responses_hold_little_memory() {
    let (site, host) = start(&["probe"], "run = \"probe\"", "").await;
    let before = resident(&site).await;
    let mut stalled = Vec::new();
    for _ in 0..4 {
        let mut connection = raw(&host).await;
        for stream in (1..201).step_by(2) {
            connection
                .send(get(stream, "/flood?count=100000000", 5))
                .await;
        }
        while next(&mut connection).await.expect("frames").kind != DATA {}
        stalled.push(connection);
    }
    answers(&host).await;
    let after = resident(&site).await;
    assert!(
        after < before + (100 << 20),
        "{before} bytes before, {after} after"
    );
}
