//! HTTP/2 as clients see it: the same stack, its limits, and clients that attack it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use stackup_tests::http2::{BEGIN, frame, get, last, next, until};
use stackup_tests::tls::TestCa;
use stackup_tests::{Connection, Host, Site, artifacts, within};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

/// A host that serves `stack` to clients that know that it speaks HTTP/2.
async fn start(plugins: &[&str], stack: &str, lines: &str) -> (Site, Host) {
    let site = Site::new(&manifest(stack, lines), plugins);
    let mut host = Host::launch(artifacts::stackup(), &site, &["-v"]);
    host.ready().await;
    (site, host)
}

fn manifest(stack: &str, lines: &str) -> String {
    let listen = "listen = [{ address = \"127.0.0.1:0\", http2 = true }]";
    format!("{stack}\n[server]\n{listen}\n{lines}")
}

type Client = SendRequest<Full<Bytes>>;

async fn handshake<S>(stream: S) -> Client
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let (client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    client
}

async fn client(host: &Host) -> Client {
    let stream = TcpStream::connect(host.address()).await;
    handshake(stream.expect("it listens")).await
}

async fn send(client: &mut Client, request: Request<Full<Bytes>>) -> Response<Incoming> {
    let response = within("a response", client.send_request(request)).await;
    response.expect("a response")
}

fn request(method: &str, target: &str, body: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method);
    let request = request.uri(format!("http://test{target}"));
    request
        .body(Bytes::from(body.to_owned()).into())
        .expect("a request")
}

async fn collected(response: Response<Incoming>) -> (Bytes, Option<HeaderMap>) {
    let body = within("a body", response.into_body().collect()).await;
    let body = body.expect("a complete body");
    let trailers = body.trailers().cloned();
    (body.to_bytes(), trailers)
}

async fn text(response: Response<Incoming>) -> String {
    let (bytes, _) = collected(response).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A connection whose frames the test writes itself.
async fn raw(host: &Host) -> Connection {
    let mut connection = host.connect().await;
    connection.send(BEGIN).await;
    connection
}

/// The host still answers others.
async fn answers(host: &Host) {
    let response = host.get("/").await;
    assert_eq!(response.status(), 200, "the log:\n{}", host.log());
}

#[tokio::test]
async fn client_chooses_http2_by_alpn_and_gets_the_same_stack() {
    let ca = TestCa::new();
    let site = Site::new("", &["env"]);
    let tls = "tls = { cert = \"site.pem\", key = \"site.key\" }";
    site.manifest(&format!(
        "run = \"env\"\n[server]\nlisten = [{{ address = \"127.0.0.1:0\", {tls} }}]\n"
    ));
    ca.issue(&["a.test"], 90).write(&site, "site");
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    host.ready().await;
    let stream = TcpStream::connect(host.address())
        .await
        .expect("it listens");
    let connector = TlsConnector::from(ca.client(&["h2", "http/1.1"], &[&TLS13]));
    let name = ServerName::try_from("a.test").expect("a name");
    let stream = connector.connect(name, stream).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut client = handshake(stream).await;
    let request = Request::get("https://a.test/x?y")
        .header("accept", "application/json")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Full::default())
        .expect("a request");
    let env = text(send(&mut client, request).await).await;
    let env: serde_json::Value = serde_json::from_str(&env).expect("the env as JSON");
    for (name, wanted) in [
        ("SERVER_PROTOCOL", "HTTP/2.0"),
        ("rack.url_scheme", "https"),
        ("HTTP_HOST", "a.test"),
        ("PATH_INFO", "/x"),
        ("QUERY_STRING", "y"),
        ("HTTP_COOKIE", "a=1; b=2"),
    ] {
        assert_eq!(env[name], wanted, "{name}: {env}");
    }
    // Without ALPN it is HTTP/1.1.
    let config = ca.client(&[], &[&TLS13]);
    let mut old = Connection::tls(host.address(), "a.test", &config)
        .await
        .expect("a handshake");
    assert_eq!(old.get("/").await.status(), 200);
}

#[tokio::test]
async fn bodies_trailers_and_hooks_are_those_of_http1() {
    let (_site, host) = start(&["probe"], "run = \"probe\"", "").await;
    let mut client = client(&host).await;
    let big = "x".repeat(300_000);
    let echoed = send(&mut client, request("POST", "/echo", &big)).await;
    assert_eq!(text(echoed).await, big);
    host.message("probe: finished /echo 200 300000 []").await;
    let response = send(&mut client, request("GET", "/trailers", "")).await;
    let (_, trailers) = collected(response).await;
    assert!(trailers.is_some_and(|trailers| !trailers.is_empty()));
    let head = send(&mut client, request("HEAD", "/big?bytes=1000", "")).await;
    assert_eq!(head.headers()["content-length"], "1000");
    assert_eq!(text(head).await, "");
    let mut bad = request("GET", "/", "");
    bad.headers_mut()
        .insert("host", "a b".parse().expect("a value"));
    assert_eq!(send(&mut client, bad).await.status(), 400);
    // A listener with `http2` serves HTTP/1.1 as well.
    answers(&host).await;
}

#[tokio::test]
async fn fields_of_a_connection_do_not_reach_the_client() {
    let stack = "use = [{ plugin = \"headers\", config = { set = { connection = \"close\", \
                 upgrade = \"x\", \"keep-alive\" = \"timeout=5\", x-kept = \"1\" } } }]\nrun = \"probe\"";
    let (_site, host) = start(&["headers", "probe"], stack, "").await;
    let mut client = client(&host).await;
    for _ in 0..2 {
        let response = send(&mut client, request("GET", "/", "")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-kept"], "1");
        for name in ["connection", "upgrade", "keep-alive", "transfer-encoding"] {
            assert!(!response.headers().contains_key(name), "{name}");
        }
    }
}

#[tokio::test]
async fn reset_stream_drops_its_request_and_no_other() {
    let (_site, host) = start(&["probe"], "run = \"probe\"", "").await;
    let mut connection = raw(&host).await;
    connection.send(get(1, "/wait", 5)).await;
    host.message("probe: waiting").await;
    connection
        .send(frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes()))
        .await;
    host.message("probe: dropped the wait").await;
    host.message("probe: finished /wait 0 0 [the client left")
        .await;
    connection.send(get(3, "/", 5)).await;
    let head = until(&mut connection, HEADERS).await.expect("a response");
    assert_eq!(head.stream, 3);
}

#[tokio::test]
async fn end_of_a_connection_drops_all_of_its_requests() {
    let (_site, host) = start(&["probe"], "run = \"probe\"", "").await;
    let mut connection = raw(&host).await;
    for stream in [1, 3] {
        connection.send(get(stream, "/wait", 5)).await;
        host.message("probe: waiting").await;
    }
    drop(connection);
    for _ in 0..2 {
        host.message("probe: dropped the wait").await;
    }
}

#[tokio::test]
async fn stop_says_goaway_and_serves_what_has_begun() {
    let (_site, mut host) = start(&["probe"], "run = \"probe\"", "").await;
    let mut connection = raw(&host).await;
    connection.send(get(1, "/sleep?ms=400", 5)).await;
    // A response on another stream says that the first has begun.
    connection.send(get(3, "/", 5)).await;
    let head = until(&mut connection, HEADERS).await.expect("a response");
    assert_eq!(head.stream, 3);
    host.signal(rustix::process::Signal::TERM);
    until(&mut connection, GOAWAY).await.expect("it is told");
    // The PING that comes with it.
    let ping = until(&mut connection, PING).await.expect("a ping");
    connection.send(frame(PING, 1, 0, &ping.payload)).await;
    let head = until(&mut connection, HEADERS).await.expect("a response");
    assert_eq!(head.stream, 1);
    let data = until(&mut connection, DATA).await.expect("a body");
    assert_eq!(data.payload, b"slept\n");
    assert!(host.exited().await.success());
}

#[tokio::test]
async fn renewal_serves_what_has_begun_and_tells_the_client_to_go() {
    let (site, host) = start(&["probe"], "run = \"probe\"", "").await;
    let mut connection = raw(&host).await;
    connection.send(get(1, "/wait", 5)).await;
    host.message("probe: waiting").await;
    connection.send(get(3, "/sleep?ms=1", 5)).await;
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let goaway = until(&mut connection, GOAWAY).await.expect("it is told");
    assert_eq!(goaway.payload[4..8], [0; 4], "no error");
    answers(&host).await;
}

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
    let goaway = last(&mut connection, GOAWAY).await.expect("it is told");
    assert_eq!(goaway.payload[4..8], [0; 4], "no error");
}

/// Attacks: each is bounded, ends its own connection at most, and others are served meanwhile.
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

/// Swaps of certificates and renewals under load: no request is lost.
async fn swaps_lose_nothing(swaps: usize) {
    let ca = TestCa::new();
    let site = Site::new("", &["hello"]);
    let tls = "tls = { cert = \"site.pem\", key = \"site.key\" }";
    site.manifest(&format!(
        "run = \"hello\"\n[server]\nlisten = [{{ address = \"127.0.0.1:0\", {tls} }}]\n"
    ));
    ca.issue(&["a.test"], 90).write(&site, "site");
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    host.ready().await;
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let served = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut clients = tokio::task::JoinSet::new();
    for http2 in [false, true, true] {
        let (address, done) = (host.address().to_owned(), Arc::clone(&done));
        let (config, served) = (
            ca.client(if http2 { &["h2"] } else { &[] }, &[&TLS13]),
            Arc::clone(&served),
        );
        clients.spawn(async move {
            use std::sync::atomic::Ordering::Relaxed;
            while !done.load(Relaxed) {
                let requests = match http2 {
                    true => on_http2(&address, &config, &done).await,
                    false => on_http1(&address, &config, &done).await,
                };
                served.fetch_add(requests, Relaxed);
            }
        });
    }
    for swap in 0..swaps {
        if swap % 10 == 9 {
            let said = site.stackup(&["restart"]).await;
            assert_eq!(said.code, Some(0), "{said:?}");
        } else {
            ca.issue(&["a.test"], 90).write(&site, "site");
            let replaced = host.event("certificate").await;
            assert_eq!(replaced.text("outcome"), "replaced", "{replaced}");
        }
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    while let Some(ended) = within("the clients", clients.join_next()).await {
        ended.expect("no request is lost");
    }
    assert!(served.load(std::sync::atomic::Ordering::Relaxed) > swaps);
}

async fn tls(
    address: &str,
    config: &Arc<rustls::ClientConfig>,
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let name = ServerName::try_from("a.test").expect("a name");
    let connector = TlsConnector::from(Arc::clone(config));
    connector.connect(name, stream).await.expect("a handshake")
}

/// Sends requests until the server says that it closes. Returns how many were answered; all must be.
async fn on_http1(
    address: &str,
    config: &Arc<rustls::ClientConfig>,
    done: &std::sync::atomic::AtomicBool,
) -> usize {
    let mut connection = Connection::tls(address, "a.test", config)
        .await
        .expect("a handshake");
    let mut answered = 0;
    while !done.load(std::sync::atomic::Ordering::Relaxed) {
        let response = connection.get("/").await;
        assert_eq!(response.status(), 200);
        answered += 1;
        if response.header("connection") == Some("close") {
            break;
        }
    }
    answered
}

/// The same on HTTP/2: a request that comes after GOAWAY is not sent, and none that was sent is lost.
async fn on_http2(
    address: &str,
    config: &Arc<rustls::ClientConfig>,
    done: &std::sync::atomic::AtomicBool,
) -> usize {
    let mut client = handshake(tls(address, config).await).await;
    let mut answered = 0;
    while !done.load(std::sync::atomic::Ordering::Relaxed) {
        let get = || Request::get("https://a.test/").body(Full::default());
        let requests = (0..4).map(|_| client.send_request(get().expect("a request")));
        let requests: Vec<_> = requests.collect();
        for response in requests {
            match within("a response", response).await {
                Ok(response) => {
                    assert_eq!(response.status(), 200);
                    assert_eq!(collected(response).await.1, None);
                    answered += 1;
                }
                // Not sent, or refused unprocessed: a client may send it again.
                Err(error) if error.is_canceled() || is_refused(&error) => return answered,
                Err(error) => panic!("{error:?}"),
            }
        }
        if client.is_closed() {
            break;
        }
    }
    answered
}

/// Whether the server has said that it did nothing for a request.
fn is_refused(error: &hyper::Error) -> bool {
    let text = format!("{error:?}");
    error.is_closed() || text.contains("REFUSED_STREAM") || text.contains("GoAway(b\"\", NO_ERROR")
}

#[tokio::test]
async fn swaps_of_certificates_and_workers_lose_no_request() {
    swaps_lose_nothing(30).await;
}

#[tokio::test]
#[ignore = "it takes minutes"]
async fn thousand_swaps_of_certificates_and_workers_lose_no_request() {
    swaps_lose_nothing(1000).await;
}
