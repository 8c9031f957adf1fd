use std::fs;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::version::TLS13;
use stackup_tests::tls::client_of;
use stackup_tests::{Connection, Host, Site, artifacts};

/// `stackup dev --tls`, with the user's data in the site.
async fn develop(site: &Site) -> Host {
    let arguments = ["--tls", "-p", "0", "-o", "127.0.0.1"];
    let mut command = Host::command_for("dev", artifacts::stackup(), site, &arguments);
    command.env("XDG_DATA_HOME", site.runtime().join("data"));
    let mut host = Host::spawn(&mut command);
    host.ready().await;
    host
}

/// A client that trusts the CA of the user's development servers.
fn client(site: &Site) -> Arc<ClientConfig> {
    let ca = site.runtime().join("data/stackup/tls/ca.pem");
    let ca = fs::read_to_string(ca).expect("there is one");
    client_of(&ca, None, &["http/1.1"], &[&TLS13])
}

async fn text(host: &Host, name: &str, client: &Arc<ClientConfig>) -> String {
    let connected = Connection::tls(host.address(), name, client).await;
    let mut connection = connected.unwrap_or_else(|error| panic!("{name}: {error}"));
    connection.get("/").await.text()
}

#[tokio::test]
async fn client_that_trusts_the_ca_is_served_also_after_a_reload_and_a_restart() {
    let site = Site::new("run = \"hello\"\n", &["hello", "stamp"]);
    let mut host = develop(&site).await;
    assert!(host.url().starts_with("https://"), "{}", host.url());
    let told = host.log().to_string();
    let ca = site.runtime().join("data/stackup/tls/ca.pem");
    assert!(
        told.contains(&format!("curl --cacert {}", ca.display())),
        "{told}"
    );
    let trusting = client(&site);
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert!(
            text(&host, name, &trusting).await.contains("Hello"),
            "{name}"
        );
    }
    site.manifest("use = [\"stamp\"]\nrun = \"hello\"\n");
    host.reload("swapped").await;
    assert!(text(&host, "localhost", &trusting).await.contains("Hello"));
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(text(&host, "localhost", &trusting).await.contains("Hello"));
    host.signal(rustix::process::Signal::TERM);
    host.exited().await;
    // The next one shows the same, and says nothing.
    let next = develop(&site).await;
    assert!(text(&next, "localhost", &trusting).await.contains("Hello"));
    let told = next.log().to_string();
    assert!(!told.contains("--cacert"), "{told}");
}
