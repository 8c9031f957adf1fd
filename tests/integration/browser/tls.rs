use stackup_tests::tls::TestCa;
use stackup_tests::{Host, Site, artifacts};

use super::driver::Browser;

const MANIFEST: &str = "\
use = [\"stamp\"]
run = \"answers\"
[server]
listen = [{ address = \"127.0.0.1:0\", tls = { cert = \"site.pem\", key = \"site.key\" } }]
";

/// Chromium speaks HTTP/2 here.
#[tokio::test]
async fn inspector_shows_and_edits_the_stack_by_tls() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let site = Site::new(MANIFEST, &["stamp", "answers"]);
    TestCa::new().issue(&["localhost"], 90).write(&site, "site");
    let mut command = Host::command_for("dev", artifacts::stackup(), &site, &[]);
    let mut host = Host::spawn(&mut command);
    let url = host.ready().await.to_owned();
    assert!(url.starts_with("https://"), "{url}");
    browser.open(&format!("{url}/_stackup/")).await;
    let protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(browser.value(protocol).await, "h2");
    browser
        .wait_until("document.querySelectorAll('#stack .layer').length === 2")
        .await;
    browser.run("fetch('/some/where')").await;
    browser
        .wait_until("document.querySelector('#requests li')?.innerText.includes('/some/where')")
        .await;
    browser
        .run("document.querySelector('[data-handler=stamp] [data-does=off]').click()")
        .await;
    host.reload("swapped").await;
    browser
        .wait_until(
            "document.querySelector('.layer[data-handler=stamp]').classList.contains('absent')",
        )
        .await;
}

/// Without a certificate of the site's own. The driver has Chromium accept that nobody trusts the CA.
#[tokio::test]
async fn page_by_tls_of_dev_follows_a_reload() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let site = Site::new("run = \"answers\"\n", &["stamp", "answers"]);
    let arguments = ["--tls", "-p", "0"];
    let mut command = Host::command_for("dev", artifacts::stackup(), &site, &arguments);
    command.env("XDG_DATA_HOME", site.runtime().join("data"));
    let mut host = Host::spawn(&mut command);
    let url = host.ready().await.to_owned();
    assert!(url.starts_with("https://"), "{url}");
    browser.open(&format!("{url}/_stackup/")).await;
    let layers = |count| format!("document.querySelectorAll('#stack .layer').length === {count}");
    browser.wait_until(&layers(1)).await;
    site.manifest("use = [\"stamp\"]\nrun = \"answers\"\n");
    browser.wait_until(&layers(2)).await;
}
