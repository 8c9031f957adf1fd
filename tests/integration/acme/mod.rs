//! Certificates that stackup orders, from a CA of the tests.

/// The CA.
mod ca;

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;

use rustls::version::TLS13;
use stackup_tests::log::Record;
use stackup_tests::tls::Issued;
use stackup_tests::{Connection, Host, Site, artifacts, within};

use self::ca::{AcmeCa, Targets};

/// A site with a listener in the clear, and one that orders a certificate for `a.test` with these settings more.
fn site(ca: &AcmeCa, acme: &str, listener: &str) -> Site {
    let site = Site::new("", &["hello"]);
    let directory = ca.directory();
    let acme =
        format!("domains = [\"a.test\"], directory = \"{directory}\", ca = \"ca.pem\"{acme}");
    site.manifest(&format!(
        "run = \"hello\"\n[server]\nlisten = [\"127.0.0.1:0\", {{ address = \"127.0.0.1:0\", tls = {{ acme = {{ {acme} }} }}{listener} }}]\n"
    ));
    site.file("ca.pem", ca.signer().pem());
    site
}

/// Serves it, and tells where.
async fn serve(site: &Site) -> (Host, Targets) {
    let mut host = Host::launch(artifacts::stackup(), site, &["-v"]);
    host.ready().await;
    let http = host.address().to_owned();
    let listening = host.event("listening").await;
    let tls = listening
        .text("url")
        .trim_start_matches("https://")
        .to_owned();
    (host, Targets { tls, http })
}

/// Where the site has what belongs to the CA.
fn folder(site: &Site, ca: &AcmeCa) -> PathBuf {
    let directory = ca.directory().replace("https://", "");
    site.path()
        .join("acme")
        .join(directory.replace([':', '/'], "-"))
}

/// Puts a certificate there as if it had been ordered.
fn has_ordered(site: &Site, ca: &AcmeCa, issued: &Issued) {
    let folder = folder(site, ca);
    let mut made = DirBuilder::new();
    made.recursive(true)
        .mode(0o700)
        .create(&folder)
        .expect("a folder");
    let file = folder.join("a.test.pem");
    fs::write(&file, format!("{}{}", issued.cert, issued.key)).expect("a file");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
}

/// Connects as a client that trusts the CA.
async fn connect(ca: &AcmeCa, targets: &Targets) -> std::io::Result<Connection> {
    Connection::tls(&targets.tls, "a.test", &ca.signer().client(&[], &[&TLS13])).await
}

/// The certificate that such a client is shown.
async fn shown(ca: &AcmeCa, targets: &Targets) -> Vec<u8> {
    let connection = connect(ca, targets).await.expect("a handshake");
    let chain = connection.session().peer_certificates();
    chain.expect("a certificate")[0].to_vec()
}

/// The next record about an order with this outcome.
async fn order(host: &Host, outcome: &str) -> Record {
    let is_wanted = |record: &Record| record.event() == "acme" && record.text("outcome") == outcome;
    host.log().take(outcome, is_wanted).await
}

/// Waits until the certificate is there, and is shown.
async fn issued(host: &Host) {
    order(host, "issued").await;
    assert_eq!(host.event("certificate").await.text("outcome"), "replaced");
}

#[tokio::test]
async fn first_certificate_comes_by_each_challenge_and_serves_after_a_restart_without_another_order()
 {
    for challenge in ["tls-alpn-01", "http-01"] {
        let ca = AcmeCa::start().await;
        ca.forgets_nonces(1);
        let site = site(&ca, &format!(", challenge = \"{challenge}\""), "");
        let (mut host, targets) = serve(&site).await;
        ca.tried(1).await;
        // Until it is there, a handshake ends with an alert.
        let error = connect(&ca, &targets)
            .await
            .expect_err("there is no certificate");
        assert!(error.to_string().contains("alert"), "{challenge}: {error}");
        let status = site.stackup(&["status"]).await;
        assert!(
            status.stdout.contains("is still to be ordered"),
            "{status:?}"
        );
        let path = "/.well-known/acme-challenge/token-0-0_";
        let mut plain = host.connect().await;
        let of_stack = plain.get("/.well-known/acme-challenge/other").await;
        assert_eq!(of_stack.status(), 200, "other tokens are the stack's");
        let answers = plain.get(path).await.text() != of_stack.text();
        assert_eq!(answers, challenge == "http-01");
        ca.connects_to(targets.clone());
        issued(&host).await;
        let first = shown(&ca, &targets).await;
        let mut connection = connect(&ca, &targets).await.expect("a handshake");
        assert_eq!(connection.get("/").await.status(), 200);
        // Nobody is answered any more.
        assert_eq!(plain.get(path).await.text(), of_stack.text());
        let asked = Connection::tls(&targets.tls, "a.test", &ca::acme_client()).await;
        asked.expect_err("no order waits for it");
        let status = site.stackup(&["status"]).await;
        assert!(
            status
                .stdout
                .contains("a.test.pem (a.test): expires in 89 d"),
            "{status:?}"
        );
        let said = site.stackup(&["restart"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(shown(&ca, &targets).await, first);
        host.signal(rustix::process::Signal::TERM);
        host.exited().await;
        for entry in fs::read_dir(folder(&site, &ca)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let mode = fs::metadata(&path)
                .expect("it is there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
        let (_host, targets) = serve(&site).await;
        assert_eq!(shown(&ca, &targets).await, first, "at once");
        assert_eq!((ca.orders(), ca.accounts()), (1, 1), "{challenge}");
    }
}

#[tokio::test]
async fn renewal_takes_over_under_requests() {
    let ca = AcmeCa::start().await;
    let site = site(&ca, "", "");
    // With a third of its life left.
    has_ordered(&site, &ca, &ca.signer().issue(&["a.test"], 29));
    let (host, targets) = serve(&site).await;
    let first = shown(&ca, &targets).await;
    ca.tried(1).await;
    let mut open = connect(&ca, &targets).await.expect("a handshake");
    let requests = async {
        loop {
            assert_eq!(open.get("/").await.status(), 200);
            let mut new = connect(&ca, &targets).await.expect("a handshake");
            assert_eq!(new.get("/").await.status(), 200);
        }
    };
    let renewed = async {
        ca.connects_to(targets.clone());
        issued(&host).await;
    };
    tokio::select! {
        () = requests => {}
        () = renewed => {}
    }
    assert_ne!(shown(&ca, &targets).await, first);
    assert_eq!(
        open.get("/").await.status(),
        200,
        "open connections notice nothing"
    );
    assert_eq!(ca.orders(), 1);
}

#[tokio::test]
async fn failing_ca_is_reported_and_tried_again_while_the_certificate_before_serves() {
    let ca = AcmeCa::start().await;
    let site = site(&ca, "", "");
    has_ordered(&site, &ca, &ca.signer().issue(&["a.test"], 29));
    ca.refuses(1, 503, "serverInternal", "the database is away");
    let (host, targets) = serve(&site).await;
    let first = shown(&ca, &targets).await;
    let failed = order(&host, "failed").await;
    let message = failed.message();
    for part in [
        "a.test: the CA has failed: the database is away",
        "tries again in 2 s",
    ] {
        assert!(message.contains(part), "{message}");
    }
    // The next attempt meets a CA that works, but not the listener.
    let elsewhere = Targets {
        tls: targets.http.clone(),
        ..targets.clone()
    };
    ca.connects_to(elsewhere);
    let failed = order(&host, "failed").await;
    let message = failed.message();
    for part in [
        "can't validate `a.test` (tls-alpn-01)",
        "port 443",
        "unauthorized",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let seconds = failed.float("seconds").expect("a number");
    assert!(
        (90.0..=150.0).contains(&seconds),
        "the second failure in a row: {seconds}"
    );
    let status = site.stackup(&["status"]).await;
    assert!(
        status
            .stdout
            .contains("the last order has failed: the CA can't"),
        "{status:?}"
    );
    assert_eq!(shown(&ca, &targets).await, first);
    // Another worker knows of it, and does not ask the CA sooner.
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let known = async || {
        let status = site.stackup(&["status"]).await;
        status
            .stdout
            .contains("the last order has failed: the CA can't")
    };
    within("the status of the next worker", async {
        while !known().await {}
    })
    .await;
    assert_eq!(ca.orders(), 2);
    assert_eq!(shown(&ca, &targets).await, first);
}

#[tokio::test]
async fn worker_that_takes_over_continues_the_order() {
    let ca = AcmeCa::start().await;
    // The CA has no certificate of a client's.
    let site = site(&ca, "", ", client_auth = { ca = \"ca.pem\" }");
    let (host, targets) = serve(&site).await;
    ca.tried(1).await;
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    ca.connects_to(targets.clone());
    issued(&host).await;
    assert_eq!((ca.orders(), ca.accounts()), (1, 1));
    let alice = ca.signer().issue_client("alice", 3600);
    let client = ca.signer().client_with(Some(&alice), &[], &[&TLS13]);
    let connected = Connection::tls(&targets.tls, "a.test", &client).await;
    let mut connection = connected.expect("a handshake");
    assert_eq!(connection.get("/").await.status(), 200);
}

#[tokio::test]
async fn certificate_with_little_life_left_is_ordered_again() {
    let ca = AcmeCa::start().await;
    ca.next_certificate((-61, 29));
    let site = site(&ca, "", "");
    let (host, targets) = serve(&site).await;
    ca.connects_to(targets.clone());
    issued(&host).await;
    let first = shown(&ca, &targets).await;
    issued(&host).await;
    assert_ne!(shown(&ca, &targets).await, first);
    assert_eq!(ca.orders(), 2);
}

#[tokio::test]
async fn domain_that_is_added_is_ordered_at_a_restart() {
    let ca = AcmeCa::start().await;
    let site = site(&ca, "", "");
    has_ordered(&site, &ca, &ca.signer().issue(&["a.test"], 3000));
    let (host, targets) = serve(&site).await;
    let first = shown(&ca, &targets).await;
    let manifest = fs::read_to_string(site.path().join("config.ru.toml")).expect("a manifest");
    site.manifest(&manifest.replace("[\"a.test\"]", "[\"a.test\", \"b.test\"]"));
    host.message("`listen` has changed").await;
    assert_eq!(ca.orders(), 0, "nothing is due");
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    order(&host, "begun").await;
    ca.tried(2).await;
    assert_eq!(shown(&ca, &targets).await, first, "the one before serves");
    ca.connects_to(targets.clone());
    issued(&host).await;
    let client = ca.signer().client(&[], &[&TLS13]);
    let connected = Connection::tls(&targets.tls, "b.test", &client).await;
    assert_eq!(connected.expect("a handshake").get("/").await.status(), 200);
    assert_eq!(ca.orders(), 1);
}

#[tokio::test]
async fn check_orders_nothing_and_refuses_a_folder_that_others_can_write() {
    let ca = AcmeCa::start().await;
    let site = site(&ca, "", "");
    let check = async || site.stackup(&["check", "-E", "production"]).await;
    let said = check().await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!site.path().join("acme").exists());
    has_ordered(&site, &ca, &ca.signer().issue(&["a.test"], 29));
    fs::set_permissions(folder(&site, &ca), Permissions::from_mode(0o777)).expect("it is ours");
    for command in ["check", "serve"] {
        let said = site.stackup(&[command, "-E", "production"]).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stderr.contains("run `chmod "), "{said:?}");
    }
    assert_eq!((ca.orders(), ca.accounts()), (0, 0));
}
