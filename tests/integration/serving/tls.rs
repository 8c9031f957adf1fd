//! TLS of a listener, as clients see it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustix::process::{Signal, kill_process};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind};
use stackup_tests::tls::{Issued, TestCa};
use stackup_tests::{Connection, Host, Site, artifacts};

/// A host with one listener with these settings, which shows `certificate` as `site.pem`.
async fn start(
    plugins: &[&str],
    stack: &str,
    settings: &str,
    certificate: &Issued,
) -> (Site, Host) {
    let site = site(plugins, stack, settings);
    certificate.write(&site, "site");
    let mut host = Host::launch(artifacts::stackup(), &site, &["-v"]);
    host.ready().await;
    (site, host)
}

fn site(plugins: &[&str], stack: &str, settings: &str) -> Site {
    let site = Site::new("", plugins);
    site.manifest(&manifest(stack, settings));
    site
}

fn manifest(stack: &str, settings: &str) -> String {
    format!("{stack}\n[server]\nlisten = [{{ address = \"127.0.0.1:0\", {settings} }}]\n")
}

const PAIR: &str = "tls = { cert = \"site.pem\", key = \"site.key\" }";

async fn connect(host: &Host, name: &str, client: &Arc<ClientConfig>) -> Connection {
    let connected = Connection::tls(host.address(), name, client).await;
    connected.unwrap_or_else(|error| panic!("{error}; the log:\n{}", host.log()))
}

/// The names of the certificate that a client gets which asks for `name`.
async fn shown(host: &Host, name: &str, ca: &TestCa) -> Vec<u8> {
    let connection = connect(host, name, &ca.client(&[], &[&TLS13])).await;
    let chain = connection.session().peer_certificates();
    chain.expect("a certificate")[0].to_vec()
}

#[tokio::test]
async fn both_versions_serve_the_stack_which_sees_https() {
    let ca = TestCa::new();
    let (_site, host) = start(&["env"], "run = \"env\"", PAIR, &ca.issue(&["a.test"], 90)).await;
    assert!(host.url().starts_with("https://"), "{}", host.url());
    for version in [&TLS12, &TLS13] {
        let client = ca.client(&["http/1.1"], &[version]);
        let mut connection = connect(&host, "a.test", &client).await;
        assert_eq!(connection.session().alpn_protocol(), Some(&b"http/1.1"[..]));
        for _ in 0..2 {
            connection
                .send("GET / HTTP/1.1\r\nhost: a.test\r\naccept: application/json\r\n\r\n")
                .await;
            let text = connection.response().await.text();
            let env: serde_json::Value = serde_json::from_str(&text).expect("the env as JSON");
            assert_eq!(env["rack.url_scheme"], "https");
            assert_eq!(
                env["SERVER_PORT"], "443",
                "the client has named no port: {env}"
            );
        }
    }
}

#[tokio::test]
async fn client_gets_the_certificate_of_the_name_that_it_asks_for() {
    let ca = TestCa::new();
    let pairs = ["first.test", "second.test", "*.wild.test"].map(|name| ca.issue(&[name], 90));
    let tls = "tls = [{ cert = \"a.pem\", key = \"a.key\" }, { cert = \"b.pem\", key = \"b.key\" }, \
               { cert = \"c.pem\", key = \"c.key\" }]";
    let site = site(&["hello"], "run = \"hello\"", tls);
    for (pair, name) in pairs.iter().zip(["a", "b", "c"]) {
        pair.write(&site, name);
    }
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    host.ready().await;
    for name in ["first.test", "second.test", "SECOND.test", "x.wild.test"] {
        let mut connection = connect(&host, name, &ca.client(&[], &[&TLS13])).await;
        assert_eq!(connection.get("/").await.status(), 200, "{name}");
    }
    // One that no certificate has: the client refuses the first.
    for name in ["other.test", "x.y.wild.test", "wild.test"] {
        let refused = Connection::tls(host.address(), name, &ca.client(&[], &[&TLS13])).await;
        let error = refused.expect_err(name).to_string();
        assert!(error.contains("first.test"), "{name}: {error}");
    }
}

#[tokio::test]
async fn certificate_is_read_again_when_its_files_change_and_no_connection_notices() {
    let ca = TestCa::new();
    let names = ["a.test"];
    let (site, host) = start(&["hello"], "run = \"hello\"", PAIR, &ca.issue(&names, 90)).await;
    let before = shown(&host, "a.test", &ca).await;
    let mut open = connect(&host, "a.test", &ca.client(&[], &[&TLS13])).await;
    assert_eq!(open.get("/").await.status(), 200);
    // As certbot and Kubernetes do: links to another folder.
    let first = site.path().join("1");
    fs::create_dir(&first).expect("a folder");
    let next = ca.issue(&names, 80);
    next.write(&site, "1/site");
    for name in ["site.pem", "site.key"] {
        let link = site.path().join("link");
        std::os::unix::fs::symlink(first.join(name), &link).expect("a link");
        fs::rename(link, site.path().join(name)).expect("it takes the file's place");
    }
    let replaced = host.event("certificate").await;
    assert_eq!(replaced.text("outcome"), "replaced");
    let linked = shown(&host, "a.test", &ca).await;
    assert_ne!(before, linked);
    assert_eq!(open.get("/").await.status(), 200);
    // The files behind the links are replaced, too.
    ca.issue(&names, 70).write(&site, "1/site");
    assert_eq!(host.event("certificate").await.text("outcome"), "replaced");
    assert_ne!(shown(&host, "a.test", &ca).await, linked);
    assert_eq!(open.get("/").await.status(), 200);
}

#[tokio::test]
async fn bad_pair_is_refused_and_the_one_before_serves() {
    let ca = TestCa::new();
    let names = ["a.test"];
    let (site, host) = start(&["hello"], "run = \"hello\"", PAIR, &ca.issue(&names, 90)).await;
    let before = shown(&host, "a.test", &ca).await;
    site.file("site.pem", ca.issue(&names, 90).cert);
    let refused = host.event("certificate").await;
    assert_eq!(refused.text("outcome"), "refused");
    let message = refused.message();
    assert!(
        message.contains("`site.key` does not fit") && message.contains("keep serving"),
        "{message}"
    );
    site.file("site.pem", "");
    host.message("`site.pem` has no certificate").await;
    ca.issue(&names, -1).write(&site, "site");
    host.message("`site.pem` has expired").await;
    let status = site.stackup(&["status"]).await;
    assert!(status.stdout.contains("refused"), "{status:?}");
    assert_eq!(shown(&host, "a.test", &ca).await, before);
    ca.issue(&names, 90).write(&site, "site");
    assert_eq!(host.event("certificate").await.text("outcome"), "replaced");
    let status = site.stackup(&["status"]).await;
    assert!(!status.stdout.contains("refused"), "{status:?}");
}

#[tokio::test]
async fn server_does_not_begin_with_a_pair_that_it_cannot_use() {
    let ca = TestCa::new();
    let good = ca.issue(&["a.test"], 90);
    let other = ca.issue(&["a.test"], 90);
    let key = |key: &str| Issued {
        key: key.to_owned(),
        ..good.clone()
    };
    let cert = |cert: &str| Issued {
        cert: cert.to_owned(),
        ..good.clone()
    };
    for (pair, wanted) in [
        (
            key(&other.key),
            "the key `site.key` does not fit the certificate `site.pem`",
        ),
        (ca.issue(&["a.test"], -1), "`site.pem` has expired"),
        (cert(""), "`site.pem` has no certificate"),
        (cert(&good.key), "exchange `cert` and `key`"),
        (key("secret"), "`site.key` has no private key"),
        (
            key(&good.key.replace("PRIVATE", "ENCRYPTED PRIVATE")),
            "openssl pkey",
        ),
        (
            cert("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
            "damaged",
        ),
    ] {
        let site = site(&["hello"], "run = \"hello\"", PAIR);
        pair.write(&site, "site");
        let said = site.stackup(&["serve"]).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        checked_as_served(&site, &said.stderr).await;
        let place = "--> config.ru.toml:3:44";
        assert!(
            said.stderr.contains(wanted) && said.stderr.contains(place),
            "{wanted}: {}",
            said.stderr
        );
    }
    let site = site(&["hello"], "run = \"hello\"", PAIR);
    good.write(&site, "site");
    let path = site.path().join("site.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let said = site.stackup(&["serve"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    checked_as_served(&site, &said.stderr).await;
    for wanted in ["is world-readable (mode 0644)", "run `chmod o-r '"] {
        assert!(said.stderr.contains(wanted), "{}", said.stderr);
    }
    fs::remove_file(&path).expect("it is ours");
    let said = site.stackup(&["serve"]).await;
    assert!(said.stderr.contains("`site.key` can't be read"), "{said:?}");
    checked_as_served(&site, &said.stderr).await;
    good.write(&site, "site");
    let said = site.stackup(&["check", "-E", "production"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
}

/// `stackup check` says what `stackup serve` has said, once its stack was ready.
pub(super) async fn checked_as_served(site: &Site, served: &str) {
    let said = site.stackup(&["check", "-E", "production"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    let error = served.find("error: ").expect("it says why");
    assert_eq!(said.stderr, served[error..]);
}

#[tokio::test]
async fn expiry_is_reported_and_status_says_when() {
    let ca = TestCa::new();
    let (site, host) = start(
        &["hello"],
        "run = \"hello\"",
        PAIR,
        &ca.issue(&["a.test"], 13),
    )
    .await;
    let soon = host.message("expires in 12 days").await;
    assert_eq!(soon.text("outcome"), "expires");
    let status = site.stackup(&["status"]).await;
    let wanted = "certificate site.pem (a.test): expires in 12 d";
    assert!(status.stdout.contains(wanted), "{}", status.stdout);
}

#[tokio::test]
async fn client_resumes_its_session_in_every_worker() {
    let ca = TestCa::new();
    let (site, host) = start(
        &["hello"],
        "run = \"hello\"",
        PAIR,
        &ca.issue(&["a.test"], 90),
    )
    .await;
    let clients = [&TLS12, &TLS13].map(|version| ca.client(&[], &[version]));
    let kinds = async || {
        let mut kinds = Vec::new();
        for client in &clients {
            let mut connection = connect(&host, "a.test", client).await;
            // Tickets come with the first response.
            assert_eq!(connection.get("/").await.status(), 200);
            kinds.push(connection.session().handshake_kind().expect("it is done"));
        }
        kinds
    };
    resumes_in_every_worker(&site, &host, kinds).await;
}

/// Asserts that sessions are resumed after a renewal, a crash and an upgrade. `kinds` connects with each version of TLS.
pub(super) async fn resumes_in_every_worker(
    site: &Site,
    host: &Host,
    kinds: impl AsyncFn() -> Vec<HandshakeKind>,
) {
    const ALL: [HandshakeKind; 2] = [HandshakeKind::Resumed; 2];
    let next_worker = async || host.next_worker().await.expect("the worker has an id");
    let crash = async |worker| {
        kill_process(worker, Signal::KILL).expect("it is there");
        host.event("crash").await;
        next_worker().await;
    };
    assert_eq!(kinds().await, [HandshakeKind::Full; 2]);
    assert_eq!(kinds().await, ALL);
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let worker = next_worker().await;
    assert_eq!(kinds().await, ALL, "after a renewal");
    crash(worker).await;
    assert_eq!(kinds().await, ALL, "after a crash");
    let said = site.stackup(&["upgrade"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    host.event("upgraded").await;
    let worker = next_worker().await;
    assert_eq!(kinds().await, ALL, "after an upgrade");
    crash(worker).await;
    assert_eq!(kinds().await, ALL, "after an upgrade and a crash");
}

#[tokio::test]
async fn client_without_tls_is_told_so() {
    let ca = TestCa::new();
    let (_site, host) = start(
        &["hello"],
        "run = \"hello\"",
        PAIR,
        &ca.issue(&["a.test"], 90),
    )
    .await;
    let mut connection = host.connect().await;
    let response = connection.get("/").await;
    assert_eq!(response.status(), 400);
    assert!(
        response.text().contains("This port speaks HTTPS"),
        "{}",
        response.text()
    );
    assert!(connection.closes().await);
    let mut connection = host.connect().await;
    connection.send(b"\0\0\0").await;
    assert!(connection.closes().await);
}

#[tokio::test]
async fn slow_handshake_ends_at_header_timeout_and_holds_up_nobody() {
    let ca = TestCa::new();
    let site = site(&["hello"], "run = \"hello\"", PAIR);
    site.manifest(&(manifest("run = \"hello\"", PAIR) + "[limits]\nheader_timeout = \"300ms\"\n"));
    ca.issue(&["a.test"], 90).write(&site, "site");
    let mut host = Host::launch(artifacts::stackup(), &site, &["-v"]);
    host.ready().await;
    let mut slow = [host.connect().await, host.connect().await];
    slow[1].send([22, 3, 1]).await;
    let mut other = connect(&host, "a.test", &ca.client(&[], &[&TLS13])).await;
    assert_eq!(other.get("/").await.status(), 200);
    for slow in &mut slow {
        assert!(slow.closes().await);
        host.message("did not begin within `header_timeout`").await;
    }
}

#[tokio::test]
async fn header_of_the_proxy_protocol_comes_before_the_handshake() {
    use tokio::io::AsyncWriteExt;
    let ca = TestCa::new();
    let site = site(&["env"], "run = \"env\"", "");
    let settings = format!("proxy_protocol = true, {PAIR}");
    site.manifest(&(manifest("run = \"env\"", &settings) + "trusted_proxies = [\"127.0.0.1\"]\n"));
    ca.issue(&["a.test"], 90).write(&site, "site");
    let mut host = Host::launch(artifacts::stackup(), &site, &["-v"]);
    host.ready().await;
    let mut stream = tokio::net::TcpStream::connect(host.address())
        .await
        .expect("it listens");
    let header = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
    stream.write_all(header).await.expect("it reads");
    let mut connection = Connection::tls_over(stream, "a.test", &ca.client(&[], &[&TLS13]))
        .await
        .expect("a handshake");
    connection
        .send("GET / HTTP/1.1\r\nhost: a.test\r\naccept: application/json\r\n\r\n")
        .await;
    let text = connection.response().await.text();
    let env: serde_json::Value = serde_json::from_str(&text).expect("the env as JSON");
    assert_eq!(
        (&env["REMOTE_ADDR"], &env["rack.url_scheme"]),
        (&"192.0.2.7".into(), &"https".into())
    );
}

#[tokio::test]
async fn restart_turns_tls_on_and_a_failed_one_leaves_the_socket_as_it_was() {
    let ca = TestCa::new();
    let site = Site::new(
        "run = \"hello\"\n[server]\nlisten = [\"unix:s.sock\"]\n",
        &["hello"],
    );
    let mut host = Host::launch(artifacts::stackup(), &site, &["-v"]);
    host.ready().await;
    let encrypted =
        format!("run = \"hello\"\n[server]\nlisten = [{{ address = \"unix:s.sock\", {PAIR} }}]\n");
    site.manifest(&encrypted);
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(1), "there is no certificate: {said:?}");
    let socket = site.path().join("s.sock");
    kill_process(host.worker(), Signal::KILL).expect("it is there");
    host.event("crash").await;
    assert_eq!(Connection::unix(&socket).await.get("/").await.status(), 200);
    ca.issue(&["a.test"], 90).write(&site, "site");
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let response = Connection::unix(&socket).await.get("/").await;
    assert_eq!(response.status(), 400, "{}", response.text());
}

#[tokio::test]
async fn files_that_are_spoilt_meanwhile_stop_no_worker() {
    let ca = TestCa::new();
    let names = ["a.test"];
    let (site, host) = start(&["hello"], "run = \"hello\"", PAIR, &ca.issue(&names, 90)).await;
    // The last that has served counts.
    ca.issue(&names, 90).write(&site, "site");
    assert_eq!(host.event("certificate").await.text("outcome"), "replaced");
    let before = shown(&host, "a.test", &ca).await;
    let spoil = |name: &'static str| site.file(name, "");
    spoil("site.pem");
    spoil("site.key");
    assert_eq!(host.event("certificate").await.text("outcome"), "refused");
    kill_process(host.worker(), Signal::KILL).expect("it is there");
    host.event("crash").await;
    let second = host.next_worker().await.expect("the next worker serves");
    assert_eq!(shown(&host, "a.test", &ca).await, before);
    // That worker says what is wrong, too.
    assert_eq!(host.event("certificate").await.text("outcome"), "refused");
    // One that has expired is no better.
    ca.issue(&names, -1).write(&site, "site");
    host.message("`site.pem` has expired").await;
    kill_process(second, Signal::KILL).expect("it is there");
    host.event("crash").await;
    host.next_worker().await.expect("the next worker serves");
    assert_eq!(shown(&host, "a.test", &ca).await, before);
    // A restart reads the disk, fails, and leaves the worker alone.
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("`site.pem` has expired"), "{said:?}");
    assert_eq!(shown(&host, "a.test", &ca).await, before);
    ca.issue(&names, 90).write(&site, "site");
    host.message("`site.pem` was read again").await;
    assert_eq!(site.stackup(&["restart"]).await.code, Some(0));
}
