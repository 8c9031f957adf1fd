//! A server of hyper's with a stack.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use stackup_tests::{Site, within};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::program::Program;
use crate::serving::http2::{Client, handshake};

#[tokio::test]
async fn bodies_go_both_ways_over_one_connection() {
    let site = Site::new(
        "run = \"echo\"\n[limits]\nbody_bytes = \"1 KiB\"\n",
        &["echo"],
    );
    let program = Program::start("embed-hyper", &site).await;
    let mut connection = program.connect().await;
    for body in [&b"tea"[..], b"", &[b'x'; 1024]] {
        let response = connection.post("/", body).await;
        assert_eq!(response.status(), 200);
        assert!(response.body.ends_with(body), "{response}");
    }
    let response = connection.post("/", &[b'x'; 1025]).await;
    assert_eq!(response.status(), 413, "limits of requests apply");
}

#[tokio::test]
async fn streams_of_one_connection_are_requests_of_their_own() {
    let manifest = "run = \"probe\"\n[limits]\nbody_bytes = \"1 KiB\"\n";
    let site = Site::new(manifest, &["probe"]);
    let program = Program::start("embed-hyper", &site).await;
    let stream = TcpStream::connect(program.address()).await;
    let client = handshake(stream.expect("it listens")).await;
    let mut long = JoinSet::new();
    for _ in 0..20 {
        long.spawn(post(client.clone(), "/big?bytes=1000000", 0));
    }
    let (status, _) = post(client.clone(), "/length", 1025).await;
    assert_eq!(status, 413, "limits of requests apply");
    let (status, body) = post(client, "/length", 1024).await;
    assert_eq!((status, &body[..]), (200, &b"1024"[..]));
    for (status, body) in long.join_all().await {
        assert_eq!((status, body.len()), (200, 1_000_000));
    }
}

/// The status and body of the response to a body of this length.
async fn post(mut client: Client, target: &str, length: usize) -> (u16, Bytes) {
    let body = Full::<Bytes>::from(vec![b'x'; length]);
    let request = Request::post(format!("http://a.test{target}")).body(body);
    let sent = client.send_request(request.expect("a request"));
    let response = within("a response", sent).await.expect("a response");
    let status = response.status().as_u16();
    let body = within("a body", response.into_body().collect()).await;
    (status, body.expect("a whole body").to_bytes())
}

#[tokio::test]
async fn handler_changes_the_protocol_of_a_connection() {
    let site = Site::new("run = \"upgrades\"", &["upgrades"]);
    let program = Program::start("embed-hyper", &site).await;
    let mut connection = program.connect().await;
    connection
        .send("GET /echo HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        .await;
    let head = connection.head().await;
    assert_eq!(head.status, 101, "{head:?}");
    connection.send("tea").await;
    assert_eq!(connection.part(3).await.expect("it lasts"), b"tea");
}

#[tokio::test]
async fn abort_in_init_ends_a_probe_and_not_the_program() {
    let site = Site::new("run = \"echo\"", &["echo", "bad-init"]);
    let mut program = Program::start("embed-hyper", &site).await;
    site.manifest("[run]\nplugin = \"bad-init\"\nconfig = { how = \"abort\" }\n");
    program
        .logs("the change is refused: generation 1 keeps serving")
        .await;
    let response = program.connect().await.post("/", b"tea").await;
    assert!(response.text().ends_with("tea"), "{response}");
}

#[tokio::test]
async fn keys_of_our_own_listener_are_reported() {
    let manifest =
        "run = \"echo\"\n[server]\nlisten = [\"127.0.0.1:1\"]\n[limits]\nconnections = 7\n";
    let site = Site::new(manifest, &["echo"]);
    let mut program = Program::start("embed-hyper", &site).await;
    program.logs("`listen` has no effect").await;
    program.logs("`connections` has no effect").await;
}

/// Whatever the server does with a connection, nothing of the stack is held beyond the drain deadline.
#[tokio::test]
async fn client_that_reads_nothing_holds_no_generation() {
    let manifest = |root| {
        format!(
            "[run]\nplugin = \"files\"\nconfig = {{ root = \"{root}\" }}\n[limits]\ndrain_timeout = \"100ms\"\n"
        )
    };
    let site = Site::new(&manifest("."), &["files"]);
    site.file("large.bin", vec![0; 32 << 20]);
    let mut program = Program::start("embed-hyper", &site).await;
    let mut stalled = program.connect().await;
    stalled
        .send("GET /large.bin HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(stalled.head().await.status, 200);
    site.manifest(&manifest("./"));
    program.logs("generation 1 retired").await;
    let response = program.connect().await.get("/config.ru.toml").await;
    assert_eq!(response.status(), 200);
    drop(stalled);
}

#[tokio::test]
async fn program_ends_in_good_order() {
    let site = Site::new("run = \"echo\"", &["echo"]);
    let mut program = Program::start("embed-hyper", &site).await;
    let mut connection = program.connect().await;
    connection
        .send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\n")
        .await;
    // `echo` has begun its response.
    assert_eq!(connection.head().await.status, 200);
    program.terminate();
    connection.send("tea").await;
    assert!(
        connection
            .rest()
            .await
            .windows(3)
            .any(|part| part == b"tea")
    );
    assert!(program.ended().await.success());
    program.logs("the stack has ended").await;
}
