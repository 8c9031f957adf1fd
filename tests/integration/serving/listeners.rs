//! Listeners: addresses and sockets.

use stackup_tests::{Connection, Host, Site, artifacts};

#[tokio::test]
async fn server_listens_on_unix_socket_and_several_addresses() {
    let site = Site::new("run = \"probe\"\n", &["probe"]);
    let socket = site.path().join("s.sock");
    let listen = format!("[\"127.0.0.1:0\", \"unix:{}\"]", socket.display());
    site.manifest(&format!("run = \"probe\"\n[server]\nlisten = {listen}\n"));
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    let urls = [host.ready().await.to_owned(), host.ready().await.to_owned()];
    for url in &urls {
        let (mut connection, kind) = match url.strip_prefix("unix:") {
            Some(path) => (Connection::unix(path.as_ref()).await, "unix"),
            None => (
                Connection::tcp(url.trim_start_matches("http://")).await,
                "tcp",
            ),
        };
        let text = connection.get("/where").await.text();
        assert_eq!(text, format!("GET [] [/where] {kind}\n"), "{url}");
    }
    host.signal(rustix::process::Signal::TERM);
    assert!(host.exited().await.success());
    assert!(!socket.exists(), "the socket's file must be removed");
}

#[tokio::test]
async fn address_in_use_fails_start() {
    let site = Site::new("run = \"hello\"\n", &["hello"]);
    let first = Host::start(&site).await;
    let port = first.address().rsplit_once(':').unwrap().1;
    let mut second = Host::launch(artifacts::stackup(), &site, &["-p", port]);
    assert_eq!(second.exited().await.code(), Some(1));
    let log = second.log().to_string();
    assert!(log.contains("something listens there already"), "{log}");
    assert_eq!(first.get("/").await.status(), 200);
}

#[tokio::test]
async fn refused_first_stack_fails_start() {
    let site = Site::new("run = \"nobody\"\n", &[]);
    let mut host = Host::launch(artifacts::stackup(), &site, &["-p", "0"]);
    assert_eq!(host.exited().await.code(), Some(1));
    let log = host.log().to_string();
    assert!(log.contains("`nobody` is not there"), "{log}");
}
