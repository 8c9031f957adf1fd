//! Sessions that clients resume: they have shown their certificates before.

use rustls::HandshakeKind::{Full, Resumed};
use stackup_tests::WallClock;

use super::*;
use crate::serving::tls::resumes_in_every_worker;

#[tokio::test]
async fn resumed_session_has_its_client_in_every_worker() {
    let cas = Cas::new();
    let (site, host) = start(&cas, REQUIRED).await;
    let alice = cas.clients.issue_client("alice", HOUR);
    let clients =
        [&TLS12, &TLS13].map(|version| cas.server.client_with(Some(&alice), &[], &[version]));
    let kinds = async || {
        let mut kinds = Vec::new();
        for client in &clients {
            let mut connection = connect(&host, client).await;
            let env = env(&mut connection, "").await;
            assert_eq!(env["SSL_CLIENT_S_DN"], "CN=alice,O=Tests", "{env}");
            kinds.push(connection.session().handshake_kind().expect("it is done"));
        }
        kinds
    };
    resumes_in_every_worker(&site, &host, kinds).await;
}

#[tokio::test]
async fn resumed_session_without_a_certificate_shows_none() {
    let cas = Cas::new();
    let (_site, host) = start(&cas, OPTIONAL).await;
    let anonymous = cas.anonymous();
    for wanted in [Full, Resumed] {
        let mut connection = connect(&host, &anonymous).await;
        assert_eq!(
            env(&mut connection, "").await["SSL_CLIENT_S_DN"],
            Value::Null
        );
        assert_eq!(connection.session().handshake_kind(), Some(wanted));
    }
}

#[tokio::test]
async fn session_ends_with_its_certificate() {
    let cas = Cas::new();
    let site = site(&cas, REQUIRED);
    let Some(clock) = WallClock::of(&site) else {
        return;
    };
    let mut command = Host::command(artifacts::stackup(), &site, &["-v"]);
    clock.give_to(&mut command);
    clock.set_back();
    let mut host = Host::spawn(&mut command);
    host.ready().await;
    // It is valid for another half an hour, by the clock that is an hour behind.
    let certificate = cas.clients.issue_client("alice", -HOUR / 2);
    let client = cas.server.client_with(Some(&certificate), &[], &[&TLS13]);
    assert_eq!(subject(&host, &client).await, "CN=alice,O=Tests");
    assert_eq!(subject(&host, &client).await, "CN=alice,O=Tests");
    clock.set_right();
    refused(&host, &client).await;
    host.message("the certificate of the resumed session is not valid any more")
        .await;
    // Without a session the handshake says it.
    let client = cas.server.client_with(Some(&certificate), &[], &[&TLS13]);
    let error = refused(&host, &client).await;
    assert!(error.contains("CertificateExpired"), "{error}");
}
