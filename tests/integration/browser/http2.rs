use stackup_tests::tls::TestCa;
use stackup_tests::{Host, Site, artifacts};

use super::driver::Browser;

const MANIFEST: &str = "\
run = \"answers\"
[server]
listen = [{ address = \"127.0.0.1:0\", tls = { cert = \"site.pem\", key = \"site.key\" } }]
[[map]]
path = \"/socket\"
run = \"websockets\"
";

/// A page that opens a WebSocket, and connects again. It notes what it hears and how it was closed.
const SOCKET: &str = "
    window.heard = []; window.codes = [];
    (function connect() {
        window.socket = new WebSocket(`wss://${location.host}/socket/version`);
        socket.onmessage = (event) => heard.push(event.data);
        socket.onclose = (event) => { codes.push(event.code); setTimeout(connect, 50); };
    })();
";

#[tokio::test]
async fn chromium_opens_a_websocket_on_the_connection_of_its_page() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let site = Site::new(MANIFEST, &["answers", "websockets"]);
    TestCa::new().issue(&["localhost"], 90).write(&site, "site");
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    let url = host.ready().await.to_owned();
    browser
        .open(&format!("{url}/?header=content-type:text/html"))
        .await;
    let protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(browser.value(protocol).await, "h2");
    browser.run(SOCKET).await;
    browser.wait_until("heard.join() === 'HTTP/2.0'").await;
    browser.run("socket.send('x'.repeat(200000))").await;
    browser.wait_until("heard[1]?.length === 200000").await;
    browser
        .run("fetch('/').then(() => heard.push('fetched'))")
        .await;
    browser.wait_until("heard[2] === 'fetched'").await;
    assert_eq!(browser.value("codes.length").await, 0);
    // Another worker, and so another connection.
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    browser
        .wait_until("heard.length === 4 && heard[3].startsWith('HTTP/')")
        .await;
    assert_eq!(browser.value("codes.join()").await, "1012");
    // Pages of other origins are refused as ever; their socket never opens.
    browser
        .run(
            "window.refused = new WebSocket(`wss://${location.host}/socket/nothing`.replace('127.0.0.1', 'localhost'));
             refused.onclose = (event) => heard.push(event.code)",
        )
        .await;
    browser.wait_until("heard[4] === 1006").await;
}
