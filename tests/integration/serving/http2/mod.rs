//! HTTP/2 as clients see it: the same stack, its limits, and clients that attack it.

mod attacks;
mod swaps;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use stackup_tests::http2::{BEGIN, frame, get, until};
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

pub(crate) type Client = SendRequest<Full<Bytes>>;

pub(crate) async fn handshake<S>(stream: S) -> Client
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

pub(crate) async fn client(host: &Host) -> Client {
    let stream = TcpStream::connect(host.address()).await;
    handshake(stream.expect("it listens")).await
}

pub(crate) async fn send(client: &mut Client, request: Request<Full<Bytes>>) -> Response<Incoming> {
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

pub(crate) async fn text(response: Response<Incoming>) -> String {
    let (bytes, _) = collected(response).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A connection whose frames the test writes itself.
pub(crate) async fn raw(host: &Host) -> Connection {
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
    until(&mut connection, GOAWAY).await.expect("a GOAWAY");
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
    let goaway = until(&mut connection, GOAWAY).await.expect("a GOAWAY");
    assert_eq!(goaway.payload[4..8], [0; 4], "no error");
    answers(&host).await;
}
