//! Clients that identify themselves by certificates (`client_auth`).

mod resumption;

use std::sync::Arc;

use http::Request;
use http_body_util::Full;
use rustix::process::{Signal, kill_process};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use serde_json::Value;
use stackup_tests::tls::TestCa;
use stackup_tests::{Connection, Host, Site, artifacts};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::http2;
use super::tls::checked_as_served;

const HOUR: i64 = 3600;
const REQUIRED: &str = "client_auth = { ca = \"clients.pem\" }";
const OPTIONAL: &str = "client_auth = { ca = \"clients.pem\", required = false }";

/// The CAs of a test: the server's, and the one in `clients.pem`.
struct Cas {
    server: TestCa,
    clients: TestCa,
}

impl Cas {
    fn new() -> Self {
        Self {
            server: TestCa::new(),
            clients: TestCa::new(),
        }
    }

    /// A client by TLS 1.3 with a certificate of this common name.
    fn client(&self, name: &str) -> Arc<ClientConfig> {
        let certificate = self.clients.issue_client(name, HOUR);
        self.server.client_with(Some(&certificate), &[], &[&TLS13])
    }

    /// A client without a certificate.
    fn anonymous(&self) -> Arc<ClientConfig> {
        self.server.client(&[], &[&TLS13])
    }
}

fn site(cas: &Cas, client_auth: &str) -> Site {
    let site = Site::new("", &["env"]);
    let tls = "tls = { cert = \"site.pem\", key = \"site.key\" }";
    site.manifest(&format!(
        "run = \"env\"\n[server]\nlisten = [{{ address = \"127.0.0.1:0\", {tls}, {client_auth} }}]\n"
    ));
    cas.server.issue(&["a.test"], 90).write(&site, "site");
    site.file("clients.pem", cas.clients.pem());
    site
}

async fn start(cas: &Cas, client_auth: &str) -> (Site, Host) {
    let site = site(cas, client_auth);
    let mut host = Host::launch(artifacts::stackup(), &site, &["-v"]);
    host.ready().await;
    (site, host)
}

async fn connect(host: &Host, client: &Arc<ClientConfig>) -> Connection {
    let connected = Connection::tls(host.address(), "a.test", client).await;
    connected.unwrap_or_else(|error| panic!("{error}; the log:\n{}", host.log()))
}

/// The request as Rack's env, as the stack sees it.
async fn env(connection: &mut Connection, headers: &str) -> Value {
    let request =
        format!("GET / HTTP/1.1\r\nhost: a.test\r\naccept: application/json\r\n{headers}\r\n");
    connection.send(request).await;
    let text = connection.response().await.text();
    serde_json::from_str(&text).expect("the env as JSON")
}

/// The subject that the stack sees on a new connection.
async fn subject(host: &Host, client: &Arc<ClientConfig>) -> Value {
    let mut connection = connect(host, client).await;
    env(&mut connection, "").await["SSL_CLIENT_S_DN"].clone()
}

/// What a client gets that the host refuses: with TLS 1.3 its own part of the handshake is done by then, and its request sent.
async fn refused(host: &Host, client: &Arc<ClientConfig>) -> String {
    let mut connection = match Connection::tls(host.address(), "a.test", client).await {
        Ok(connection) => connection,
        Err(error) => return error.to_string(),
    };
    let sent = connection
        .try_send(b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n")
        .await;
    match connection.try_response().await {
        Ok(response) => panic!("{}: {sent:?}", response.text()),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn stack_sees_the_client_by_each_version_of_tls_and_http() {
    let cas = Cas::new();
    let (_site, host) = start(&cas, REQUIRED).await;
    let certificate = cas.clients.issue_client("alice", HOUR);
    for version in [&TLS12, &TLS13] {
        let client = cas.server.client_with(Some(&certificate), &[], &[version]);
        let mut connection = connect(&host, &client).await;
        for _ in 0..2 {
            let env = env(&mut connection, "").await;
            assert_eq!(env["SSL_CLIENT_S_DN"], "CN=alice,O=Tests", "{env}");
            assert_eq!(env["SSL_CLIENT_S_DN_CN"], "alice", "{env}");
            assert_eq!(env["SSL_CLIENT_SAN_DNS_0"], "alice.test", "{env}");
        }
    }
    let stream = TcpStream::connect(host.address())
        .await
        .expect("it listens");
    let client = cas
        .server
        .client_with(Some(&certificate), &["h2"], &[&TLS13]);
    let name = ServerName::try_from("a.test").expect("a name");
    let stream = TlsConnector::from(client).connect(name, stream).await;
    let mut client = http2::handshake(stream.expect("a handshake")).await;
    for _ in 0..2 {
        let request = Request::get("https://a.test/").header("accept", "application/json");
        let request = request.body(Full::default()).expect("a request");
        let text = http2::text(http2::send(&mut client, request).await).await;
        let env: Value = serde_json::from_str(&text).expect("the env as JSON");
        assert_eq!(env["SERVER_PROTOCOL"], "HTTP/2.0");
        assert_eq!(env["SSL_CLIENT_S_DN"], "CN=alice,O=Tests", "{env}");
    }
}

#[tokio::test]
async fn client_without_a_certificate_of_the_ca_gets_an_alert() {
    let cas = Cas::new();
    let (_site, host) = start(&cas, REQUIRED).await;
    let stranger = TestCa::new().issue_client("alice", HOUR);
    let expired = cas.clients.issue_client("alice", -HOUR);
    let with = |certificate| cas.server.client_with(Some(certificate), &[], &[&TLS13]);
    for (client, wanted) in [
        (cas.anonymous(), "CertificateRequired"),
        (with(&stranger), "UnknownCA"),
        (with(&expired), "CertificateExpired"),
    ] {
        let error = refused(&host, &client).await;
        assert!(
            error.contains(wanted),
            "{wanted}: {error}; the log:\n{}",
            host.log()
        );
    }
    for version in [&TLS12, &TLS13] {
        let error = refused(&host, &cas.server.client(&[], &[version])).await;
        assert!(error.contains("alert"), "{error}");
    }
    // It may go on sending: a reset takes the alert away from many clients.
    let mut connection = connect(&host, &cas.anonymous()).await;
    let sent = connection.try_send(&vec![b'x'; 4 << 20]).await;
    assert!(sent.is_ok(), "{sent:?}");
    let error = connection
        .try_response()
        .await
        .expect_err("an alert")
        .to_string();
    assert!(error.contains("CertificateRequired"), "{error}");
    assert_eq!(subject(&host, &cas.client("bob")).await, "CN=bob,O=Tests");
}

#[tokio::test]
async fn optional_certificate_shows_in_its_own_requests_and_cannot_be_forged() {
    let cas = Cas::new();
    let (_site, host) = start(&cas, OPTIONAL).await;
    let mut anonymous = connect(&host, &cas.anonymous()).await;
    let forged = "ssl-client-s-dn: CN=alice\r\nSSL_CLIENT_S_DN: CN=alice\r\nx-client-cert: x\r\n";
    let env = env(&mut anonymous, forged).await;
    let names = env.as_object().expect("an object").keys();
    let names: Vec<_> = names.filter(|name| name.starts_with("SSL_")).collect();
    assert!(names.is_empty(), "{env}");
    assert_eq!(
        subject(&host, &cas.client("alice")).await,
        "CN=alice,O=Tests"
    );
    let stranger = TestCa::new().issue_client("alice", HOUR);
    let stranger = cas.server.client_with(Some(&stranger), &[], &[&TLS13]);
    let error = refused(&host, &stranger).await;
    assert!(error.contains("UnknownCA"), "{error}");
}

#[tokio::test]
async fn cas_are_read_again_when_their_file_changes() {
    let mut cas = Cas::new();
    let (site, host) = start(&cas, REQUIRED).await;
    let alice = cas.client("alice");
    let mut open = connect(&host, &alice).await;
    assert_eq!(env(&mut open, "").await["SSL_CLIENT_S_DN_CN"], "alice");
    let before = std::mem::replace(&mut cas.clients, TestCa::new());
    site.file("clients.pem", cas.clients.pem());
    let replaced = host.event("certificate").await;
    assert_eq!(replaced.text("outcome"), "replaced");
    assert_eq!(replaced.text("file"), "clients.pem");
    // A ticket of the session before does not help.
    let error = refused(&host, &alice).await;
    assert!(error.contains("UnknownCA"), "{error}");
    assert_eq!(subject(&host, &cas.client("bob")).await, "CN=bob,O=Tests");
    assert_eq!(
        env(&mut open, "").await["SSL_CLIENT_S_DN_CN"],
        "alice",
        "it is open"
    );
    // Several CAs, as while one takes over from another.
    site.file(
        "clients.pem",
        format!("{}{}", before.pem(), cas.clients.pem()),
    );
    assert_eq!(host.event("certificate").await.text("outcome"), "replaced");
    assert_eq!(subject(&host, &alice).await, "CN=alice,O=Tests");
    // A bad file changes nothing.
    site.file("clients.pem", before.issue_client("alice", HOUR).cert);
    let refused = host.event("certificate").await;
    assert_eq!(refused.text("outcome"), "refused");
    let message = refused.message();
    assert!(
        message.contains("`CN=alice,O=Tests`, which is no CA"),
        "{message}"
    );
    assert_eq!(subject(&host, &alice).await, "CN=alice,O=Tests");
    let status = site.stackup(&["status"]).await;
    assert!(
        status.stdout.contains("certificate clients.pem (CN="),
        "{status:?}"
    );
    assert!(status.stdout.contains("which is no CA"), "{status:?}");
}

#[tokio::test]
async fn cas_that_are_spoilt_meanwhile_stop_no_worker_and_let_nobody_in() {
    let cas = Cas::new();
    let (site, host) = start(&cas, REQUIRED).await;
    site.file("clients.pem", "");
    assert_eq!(host.event("certificate").await.text("outcome"), "refused");
    kill_process(host.worker(), Signal::KILL).expect("it is there");
    host.event("crash").await;
    host.next_worker().await.expect("the next worker serves");
    assert_eq!(
        subject(&host, &cas.client("alice")).await,
        "CN=alice,O=Tests"
    );
    let error = refused(&host, &cas.anonymous()).await;
    assert!(error.contains("CertificateRequired"), "{error}");
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr.contains("`clients.pem` has no certificate"),
        "{said:?}"
    );
}

#[tokio::test]
async fn server_does_not_begin_with_cas_that_it_cannot_use() {
    let cas = Cas::new();
    for (text, wanted) in [
        (String::new(), "`clients.pem` has no certificate"),
        (
            cas.clients.issue_client("alice", HOUR).cert,
            "which is no CA",
        ),
        (
            cas.clients.issue_client("alice", HOUR).key,
            "it has a private key",
        ),
        (
            cas.clients.pem()[..200].to_owned(),
            "`clients.pem` is damaged",
        ),
    ] {
        let site = site(&cas, REQUIRED);
        site.file("clients.pem", text);
        let said = site.stackup(&["serve"]).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        checked_as_served(&site, &said.stderr).await;
        let place = "--> config.ru.toml:3:106";
        assert!(
            said.stderr.contains(wanted) && said.stderr.contains(place),
            "{wanted}: {}",
            said.stderr
        );
    }
}
