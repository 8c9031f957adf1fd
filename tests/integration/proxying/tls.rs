//! `proxy` to servers by TLS.

use stackup_tests::tls::TestCa;
use stackup_tests::{Host, Site};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A server for `localhost` that says which `host` it is asked for.
async fn serve(tls: TlsAcceptor) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(tls.clone(), stream));
        }
    });
    port
}

/// Answers the requests of a connection until it ends.
async fn answer(tls: TlsAcceptor, stream: TcpStream) -> Option<()> {
    let mut stream = tls.accept(stream).await.ok()?;
    let mut head = String::new();
    loop {
        head.push(char::from(stream.read_u8().await.ok()?));
        if head.ends_with("\r\n\r\n") {
            let host = head.lines().find(|line| line.starts_with("host: "))?;
            let length = host.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{host}");
            stream.write_all(answer.as_bytes()).await.ok()?;
            head.clear();
        }
    }
}

fn manifest(port: u16, ca: &str) -> String {
    format!(
        "[run]\nplugin = \"proxy\"\nconfig = {{ to = \"https://localhost:{port}\", retries = 0{ca} }}\n"
    )
}

#[tokio::test]
async fn server_is_trusted_by_the_certificates_of_the_config() {
    let ca = TestCa::new();
    let port = serve(ca.server("localhost", &["http/1.1"])).await;
    let site = Site::new("run = \"hello\"", &["proxy", "hello"]);
    site.file("ca.pem", ca.pem());
    site.manifest(&manifest(port, ", ca = \"ca.pem\""));
    let host = Host::start(&site).await;
    let response = host.get("/").await;
    assert_eq!(
        (response.status(), response.text()),
        (200, "host: test".to_owned())
    );
    // The system does not know this CA.
    site.manifest(&manifest(port, ""));
    host.reload("swapped").await;
    assert_eq!(host.get("/").await.status(), 502);
    let refused = host.message("no connection: ").await;
    let text = refused.message();
    assert!(
        text.contains("is of no CA that is trusted here")
            || text.contains("this system has no certificates"),
        "{refused}"
    );
}

#[tokio::test]
async fn server_that_says_nothing_of_tls_is_a_504_after_the_limit() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let site = Site::new("run = \"hello\"", &["proxy", "hello"]);
    site.file("ca.pem", TestCa::new().pem());
    site.manifest(&manifest(port, ", ca = \"ca.pem\", connect_timeout = 0.1"));
    let host = Host::start(&site).await;
    assert_eq!(host.get("/").await.status(), 504);
    host.message("no connection within 100ms").await;
}
