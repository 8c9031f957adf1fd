//! `proxy` in a running host, in front of scripted servers and of a real nginx.

mod tls;
mod tunnels;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stackup_tests::{Host, Site, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use crate::serving::nginx::Nginx;

/// A server on a unix socket, which counts its connections.
struct Server {
    socket: PathBuf,
    connections: Arc<AtomicUsize>,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start<F>(serve: impl Fn(UnixStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("server.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream));
            }
        });
        Self {
            socket,
            connections,
            _folder: folder,
        }
    }

    /// Answers each request without a body.
    fn answering(text: &'static str) -> Self {
        Self::start(move |mut stream| async move {
            while read_head(&mut stream).await.is_some() {
                let length = text.len();
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{text}");
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        })
    }

    fn address(&self) -> String {
        format!("unix:{}", self.socket.display())
    }
}

async fn read_head(stream: &mut UnixStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

fn manifest(servers: &[&Server], more: &str) -> String {
    let addresses: Vec<_> = servers.iter().map(|server| server.address()).collect();
    format!("[run]\nplugin = \"proxy\"\nconfig = {{ to = {addresses:?}{more} }}\n")
}

#[tokio::test]
async fn connections_outlive_a_reload() {
    let server = Server::answering("hi");
    let site = Site::new(&manifest(&[&server], ""), &["proxy"]);
    let host = Host::start(&site).await;
    assert_eq!(host.get("/").await.text(), "hi");
    site.manifest(&manifest(&[&server], ", retries = 0"));
    host.reload("swapped").await;
    let response = host.get("/").await;
    assert_eq!((response.status(), response.text().as_str()), (200, "hi"));
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
    let status = site.stackup(&["status"]).await.stdout;
    let expected = "`proxy` to other servers: 0 requests in flight, 1 connection open";
    assert!(status.contains(expected), "{status}");
}

#[tokio::test]
async fn events_come_as_they_are_sent_and_a_client_that_leaves_is_noticed() {
    let (left, mut leavings) = mpsc::unbounded_channel();
    let (next, nexts) = mpsc::unbounded_channel::<()>();
    let nexts = Arc::new(tokio::sync::Mutex::new(nexts));
    let server = Server::start(move |mut stream| {
        let (left, nexts) = (left.clone(), Arc::clone(&nexts));
        async move {
            read_head(&mut stream).await.expect("a request");
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            stream
                .write_all(head.as_bytes())
                .await
                .expect("the client is there");
            let mut nexts = nexts.lock().await;
            for _ in 0..2 {
                stream
                    .write_all(b"6\r\ndata\n\n\r\n")
                    .await
                    .expect("the client is there");
                nexts.recv().await;
            }
            assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
            left.send(()).expect("the test waits");
        }
    });
    let site = Site::new(&manifest(&[&server], ""), &["proxy"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    connection
        .send("GET /events HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    let head = connection.head().await;
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    for _ in 0..2 {
        assert_eq!(connection.chunk().await.expect("an event"), b"data\n\n");
        next.send(()).expect("the server waits");
    }
    drop(connection);
    within("the server's connection ends", leavings.recv())
        .await
        .expect("it has ended");
}

#[tokio::test]
async fn interim_responses_of_the_server_are_passed_on() {
    let server = Server::start(|mut stream| async move {
        read_head(&mut stream).await.expect("a request");
        let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\nconnection: x-hop\r\n\r\n";
        stream
            .write_all(hint.as_bytes())
            .await
            .expect("it is there");
        // Only after the client has it.
        let mut byte = [0];
        stream.read_exact(&mut byte).await.expect("the body");
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        stream
            .write_all(answer.as_bytes())
            .await
            .expect("it is there");
    });
    let site = Site::new(&manifest(&[&server], ""), &["proxy"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    connection
        .send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\r\n")
        .await;
    let head = connection.head().await;
    assert_eq!((head.status, head.header("link")), (103, Some("</a.css>")));
    assert_eq!(head.headers.len(), 1, "{head:?}");
    connection.send("x").await;
    assert_eq!(connection.response().await.text(), "hi");
}

#[tokio::test]
async fn upload_streams_to_the_server() {
    let server = Server::start(|mut stream| async move {
        let head = read_head(&mut stream).await.expect("a request");
        assert!(head.contains("content-length: 6\r\n"), "{head}");
        let mut first = [0; 3];
        stream.read_exact(&mut first).await.expect("the first half");
        let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\none";
        stream.write_all(begun).await.expect("the client is there");
        let mut second = [0; 3];
        stream
            .read_exact(&mut second)
            .await
            .expect("the second half");
        stream
            .write_all(&second)
            .await
            .expect("the client is there");
    });
    let site = Site::new(&manifest(&[&server], ""), &["proxy"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 6\r\n\r\n";
    connection.send(format!("{head}one")).await;
    assert_eq!(connection.head().await.status, 200);
    assert_eq!(connection.part(3).await.expect("the first half"), b"one");
    connection.send("two").await;
    assert_eq!(connection.part(3).await.expect("the second half"), b"two");
}

#[tokio::test]
async fn server_that_is_away_costs_no_request_where_another_works() {
    let (gone, there) = (Server::answering("gone"), Server::answering("there"));
    let site = Site::new(&manifest(&[&gone, &there], ", failures = 1"), &["proxy"]);
    std::fs::remove_file(&gone.socket).expect("it is there");
    let host = Host::start(&site).await;
    for _ in 0..4 {
        let mut connection = host.connect().await;
        assert_eq!(connection.post("/", b"body").await.text(), "there");
    }
    let line = host.message("gets no requests for 10s").await;
    assert!(line.message().contains("No such file"), "{line}");
    drop(there);
}

#[tokio::test]
async fn reason_is_in_the_log_and_the_client_gets_502() {
    let server = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n")
            .await;
    });
    let site = Site::new(&manifest(&[&server], ""), &["proxy"]);
    let host = Host::start(&site).await;
    assert_eq!(host.get("/").await.status(), 502);
    let line = host.message("invalid content-length parsed").await;
    assert!(line.message().contains("server.sock: "), "{line}");
}

#[tokio::test]
async fn response_that_breaks_off_is_no_complete_one() {
    let server = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        let begun = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n";
        let _ = stream.write_all(begun).await;
    });
    let site = Site::new(&manifest(&[&server], ""), &["proxy"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    connection
        .send("GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(connection.head().await.status, 200);
    assert_eq!(connection.chunk().await.expect("what came"), b"one");
    assert!(
        connection.chunk().await.is_err(),
        "no end of chunks follows"
    );
    host.message("the response broke off").await;
}

#[tokio::test]
async fn server_that_takes_too_long_is_a_504_and_a_response_that_does_breaks_off() {
    let server = Server::start(|mut stream| async move {
        let head = read_head(&mut stream).await.expect("a request");
        if head.starts_with("GET /begins") {
            let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\none";
            stream.write_all(begun).await.expect("it is there");
        }
        let _ = stream.read(&mut [0; 1]).await;
    });
    let limits = ", head_timeout = 0.1, body_timeout = 0.1";
    let site = Site::new(&manifest(&[&server], limits), &["proxy"]);
    let host = Host::start(&site).await;
    assert_eq!(host.get("/").await.status(), 504);
    host.message("no response within 100ms").await;
    let mut connection = host.connect().await;
    connection
        .send("GET /begins HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(connection.head().await.status, 200);
    assert_eq!(connection.rest().await, b"one");
    host.message("nothing came for 100ms").await;
}

#[tokio::test]
async fn client_that_breaks_off_is_no_failure_of_the_server() {
    let (left, mut leavings) = mpsc::unbounded_channel();
    let serve = move |mut stream: UnixStream| {
        let left = left.clone();
        async move {
            while let Some(head) = read_head(&mut stream).await {
                if head.starts_with("POST") {
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest).await;
                    left.send(()).expect("the test waits");
                    return;
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
                stream.write_all(answer).await.expect("it is there");
            }
        }
    };
    let servers = [Server::start(serve.clone()), Server::start(serve)];
    let both = [&servers[0], &servers[1]];
    let site = Site::new(
        &manifest(&both, ", failures = 1, cool_down = 600"),
        &["proxy"],
    );
    let host = Host::start(&site).await;
    let mut client = host.connect().await;
    client
        .send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\none")
        .await;
    within("the upload", async {
        while servers
            .iter()
            .all(|one| one.connections.load(Ordering::Relaxed) == 0)
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    client.half_close().await;
    within("the end of the upload", leavings.recv())
        .await
        .expect("it has ended");
    for _ in 0..4 {
        assert_eq!(host.get("/").await.text(), "hi");
    }
    let connections = servers
        .iter()
        .map(|one| one.connections.load(Ordering::Relaxed));
    assert_eq!(
        connections.sum::<usize>(),
        3,
        "of the upload, and one to each server"
    );
}

#[tokio::test]
async fn nginx_behind_and_in_front() {
    let location = "location / { return 200 '$http_x_forwarded_for $http_x_forwarded_proto $host $request_uri'; }";
    let Some(behind) = Nginx::start("127.0.0.1:1", location).await else {
        return;
    };
    let socket = behind.socket();
    let text = format!(
        "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n\n\
         [run]\nplugin = \"proxy\"\nconfig = {{ to = [\"unix:{}\"] }}\n",
        socket.display()
    );
    let site = Site::new(&text, &["proxy"]);
    let host = Host::start(&site).await;
    let server = "location / {
        proxy_pass http://host;
        proxy_set_header host $http_host;
        proxy_set_header x-forwarded-for 203.0.113.9;
        proxy_set_header x-forwarded-proto https;
    }";
    let Some(front) = Nginx::start(host.address(), server).await else {
        return;
    };
    let response = front.connect().await.get("/a%20b?c=d").await;
    assert_eq!(
        response.text(),
        "203.0.113.9 https test /a%20b?c=d",
        "{response}"
    );
}
