//! The PROXY protocol: a header before the first request names the client.

use rustix::process::{Signal, kill_process};
use stackup_tests::{Connection, Host, Site, artifacts};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const REQUEST: &str = "GET / HTTP/1.1\r\nhost: test\r\naccept: application/json\r\n\r\n";

/// A host with one listener, whose connections begin with a header, and its address.
async fn start(address: &str, lines: &str) -> (Site, Host, String) {
    let site = Site::new("run = \"env\"\n", &["env"]);
    site.manifest(&format!(
        "run = \"env\"\n[server]\nlisten = [{{ address = \"{address}\", proxy_protocol = true }}]\n{lines}"
    ));
    let mut host = Host::launch(artifacts::stackup(), &site, &["-v"]);
    let url = host.ready().await.to_owned();
    (site, host, url.trim_start_matches("http://").to_owned())
}

/// The client of the next request on `connection`.
async fn client(connection: &mut Connection, before: &[u8]) -> String {
    connection.send([before, REQUEST.as_bytes()].concat()).await;
    let response = connection.response().await;
    assert_eq!(response.status(), 200, "{}", response.text());
    let env: serde_json::Value = serde_json::from_str(&response.text()).expect("the env as JSON");
    env["REMOTE_ADDR"].as_str().unwrap_or("-").to_owned()
}

/// A header of version 2 for 192.0.2.9, with a TLV.
fn version_2(command: u8) -> Vec<u8> {
    let addresses = [192, 0, 2, 9, 192, 0, 2, 1, 0x1f, 0x90, 0, 80];
    let tlv = [0x04, 0, 3, 1, 2, 3];
    let length = u16::try_from(addresses.len() + tlv.len()).expect("a short header");
    let fixed = [&[command, 0x11], &length.to_be_bytes()[..]].concat();
    [SIGNATURE, &fixed, &addresses, &tlv].concat()
}

#[tokio::test]
async fn header_names_the_client_of_each_request() {
    let (_site, _host, address) = start("127.0.0.1:0", "trusted_proxies = [\"127.0.0.1\"]\n").await;
    for (header, wanted) in [
        (
            b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n".to_vec(),
            "192.0.2.7",
        ),
        (
            b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n".to_vec(),
            "2001:db8::7",
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (version_2(0x21), "192.0.2.9"),
        (version_2(0x20), "127.0.0.1"),
    ] {
        let mut connection = Connection::tcp(&address).await;
        // The header and the first request may arrive together or apart.
        let (first, rest) = header.split_at(14);
        connection.send(first).await;
        assert_eq!(client(&mut connection, rest).await, wanted);
        assert_eq!(client(&mut connection, b"").await, wanted);
    }
    // The client that the header names is no proxy: its own headers are not believed.
    let mut connection = Connection::tcp(&address).await;
    let forwarded = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\nGET / HTTP/1.1\r\nhost: test\r\n\
                     accept: application/json\r\nx-forwarded-for: 203.0.113.9\r\n\r\n";
    connection.send(forwarded).await;
    let text = connection.response().await.text();
    assert!(text.contains("\"192.0.2.7\""), "{text}");
}

#[tokio::test]
async fn connection_without_header_closes_unanswered() {
    let (_site, host, address) = start("127.0.0.1:0", "trusted_proxies = [\"127.0.0.1\"]\n").await;
    for (bytes, why) in [
        (REQUEST.as_bytes(), "does not begin with a PROXY header"),
        (b"PROXY TCP4 192.0.2.7 a 1 80 123\r\n", "malformed"),
        (
            &[SIGNATURE, &[0x21, 0x11, 0xff, 0xff]].concat(),
            "at most 2048 are read",
        ),
    ] {
        let mut connection = Connection::tcp(&address).await;
        connection.send(bytes).await;
        assert!(connection.closes().await, "{why}");
        host.message(why).await;
    }
}

#[tokio::test]
async fn slow_header_closes_connection() {
    let lines = "trusted_proxies = [\"127.0.0.1\"]\n[limits]\nheader_timeout = \"50ms\"\n";
    let (_site, host, address) = start("127.0.0.1:0", lines).await;
    let mut connection = Connection::tcp(&address).await;
    connection.send("PROXY TCP4 192.0.2.7 ").await;
    assert!(connection.closes().await);
    host.message("within `header_timeout`").await;
}

#[tokio::test]
async fn header_of_untrusted_peer_closes_connection() {
    let (_site, host, address) = start("127.0.0.1:0", "trusted_proxies = [\"unix\"]\n").await;
    let mut connection = Connection::tcp(&address).await;
    assert!(connection.closes().await);
    host.message("does not list its peer").await;
}

#[tokio::test]
async fn socket_keeps_the_protocol_across_an_upgrade_and_a_restart_changes_it() {
    let (site, host, _) = start("unix:s.sock", "trusted_proxies = [\"unix\"]\n").await;
    let socket = site.path().join("s.sock");
    let header = version_2(0x21);
    let mut connection = Connection::unix(&socket).await;
    assert_eq!(client(&mut connection, &header).await, "192.0.2.9");
    let said = site.stackup(&["upgrade"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    host.event("upgraded").await;
    let worker = host.next_worker().await.expect("the worker has an id");
    kill_process(worker, Signal::KILL).expect("it is there");
    host.event("crash").await;
    let mut connection = Connection::unix(&socket).await;
    assert_eq!(client(&mut connection, &header).await, "192.0.2.9");
    site.manifest("run = \"env\"\n[server]\nlisten = [\"unix:s.sock\"]\n");
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut connection = Connection::unix(&socket).await;
    assert_eq!(client(&mut connection, b"").await, "-");
}

#[tokio::test]
async fn socket_keeps_the_protocol_when_the_restart_that_would_change_it_fails() {
    let (site, host, _) = start("unix:s.sock", "trusted_proxies = [\"unix\"]\n").await;
    site.manifest("run = \"nobody\"\n[server]\nlisten = [\"unix:s.sock\"]\n");
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    // The next worker gets the socket from the supervisor.
    kill_process(host.worker(), Signal::KILL).expect("it is there");
    host.event("crash").await;
    let mut connection = Connection::unix(&site.path().join("s.sock")).await;
    assert_eq!(client(&mut connection, &version_2(0x21)).await, "192.0.2.9");
}

#[tokio::test]
async fn connection_that_a_restart_finds_without_its_header_is_answered() {
    let (site, _host, _) = start("unix:s.sock", "trusted_proxies = [\"unix\"]\n").await;
    let socket = site.path().join("s.sock");
    let header = version_2(0x21);
    let (first, rest) = header.split_at(14);
    let mut early = Connection::unix(&socket).await;
    early.send(first).await;
    // Accepted after the early one.
    let mut other = Connection::unix(&socket).await;
    assert_eq!(client(&mut other, &header).await, "192.0.2.9");
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(client(&mut early, rest).await, "192.0.2.9");
    assert!(early.closes().await, "the old worker has answered it");
}
