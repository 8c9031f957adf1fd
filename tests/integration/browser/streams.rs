use stackup_tests::{Host, Site};

use super::driver::Browser;

/// A page that opens a WebSocket and connects again, as docs/websockets.md shows it. It notes what it hears and how it was closed.
const SOCKET: &str = "
    window.heard = []; window.codes = [];
    (function connect() {
        window.socket = new WebSocket(`ws://${location.host}/socket/generation`);
        socket.onmessage = (event) => heard.push(event.data);
        socket.onclose = (event) => { codes.push(event.code); setTimeout(connect, 50); };
    })();
";

/// A page that listens to events. It notes their numbers, and how often it has connected.
const EVENTS: &str = "
    window.numbers = []; window.opened = 0;
    window.source = new EventSource('/events');
    source.onopen = () => { opened += 1; };
    source.onmessage = (event) => numbers.push([Number(event.data), Number(event.lastEventId)]);
";

/// Whether no number is missing, and none came twice.
const COMPLETE: &str = "numbers.every(([data, id], index) => data === index + 1 && id === data)";

/// A site in production, where no script of stackup's reloads the page.
async fn serve(manifest: &str, plugins: &[&str]) -> Option<(Site, Host, Browser)> {
    let browser = Browser::start().await?;
    let site = Site::new(manifest, plugins);
    let host = Host::start(&site).await;
    browser
        .open(&format!("{}/?header=content-type:text/html", host.url()))
        .await;
    Some((site, host, browser))
}

#[tokio::test]
async fn page_hears_1012_at_a_reload_and_its_next_socket_meets_the_new_code() {
    let manifest = |mark: u32| {
        format!(
            "run = \"answers\"\n[limits]\nupgrade_drain = \"1h\"\n[[map]]\npath = \"/socket\"\n\
             use = [{{ plugin = \"stamp\", config = {{ mark = \"{mark}\" }} }}]\nrun = \"websockets\"\n"
        )
    };
    let plugins = ["answers", "stamp", "websockets"];
    let Some((site, host, browser)) = serve(&manifest(1), &plugins).await else {
        return;
    };
    browser.run(SOCKET).await;
    browser.wait_until("heard.join() === 'generation 1'").await;
    browser.run("socket.send('hello')").await;
    browser
        .wait_until("heard.join() === 'generation 1,hello'")
        .await;
    // Another handler is replaced: nothing happens.
    site.manifest(&format!(
        "{}[[map]]\npath = \"/more\"\nrun = \"answers\"\n",
        manifest(1)
    ));
    host.reload("swapped").await;
    browser.run("socket.send('again')").await;
    browser
        .wait_until("heard.join() === 'generation 1,hello,again'")
        .await;
    assert_eq!(browser.value("codes.length").await, 0);
    // Its own is.
    site.manifest(&manifest(2));
    host.reload("swapped").await;
    browser
        .wait_until("heard.join() === 'generation 1,hello,again,generation 3'")
        .await;
    assert_eq!(browser.value("codes.join()").await, "1012");
    browser.run("socket.send('hello')").await;
    browser.wait_until("heard.at(-1) === 'hello'").await;
    // Another worker.
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    browser
        .wait_until("codes.length > 1 && heard.at(-1).startsWith('generation')")
        .await;
    assert_eq!(
        browser.value("codes.every((code) => code === 1012)").await,
        true
    );
}

#[tokio::test]
async fn page_misses_no_event_over_reloads() {
    let manifest = |seconds: f64| {
        format!(
            "run = \"answers\"\n[[map]]\npath = \"/events\"\nrun = {{ plugin = \"ticker\", config = {{ seconds = {seconds} }} }}\n"
        )
    };
    let Some((site, host, browser)) = serve(&manifest(0.02), &["answers", "ticker"]).await else {
        return;
    };
    browser.run(EVENTS).await;
    browser.wait_until("numbers.length > 5").await;
    for (opened, seconds) in [(2, 0.03), (3, 0.02)] {
        site.manifest(&manifest(seconds));
        host.reload("swapped").await;
        host.event("drained").await;
        browser.wait_until(&format!("opened === {opened}")).await;
        browser.run("window.mark = numbers.length").await;
        browser.wait_until("numbers.length > mark + 5").await;
    }
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    // The worker that ends may get one more request, on the connection of the last stream.
    browser.wait_until("opened >= 4").await;
    browser.run("window.mark = numbers.length").await;
    browser.wait_until("numbers.length > mark + 5").await;
    let numbers = browser.value("numbers.join(' ')").await;
    assert_eq!(browser.value(COMPLETE).await, true, "{numbers}");
}

#[tokio::test]
async fn browser_remembers_an_id_without_an_event_until_204_ends_it() {
    let manifest = "run = \"answers\"\n[[map]]\npath = \"/streams\"\nrun = \"websockets\"\n";
    let Some((_site, host, browser)) = serve(manifest, &["answers", "websockets"]).await else {
        return;
    };
    browser
        .run(
            "window.messages = 0; window.source = new EventSource('/streams/positions'); \
             source.onmessage = () => { messages += 1; }",
        )
        .await;
    // The first stream has said only an id, and ended.
    host.message("positions: Some(\"7 ü\")").await;
    browser
        .wait_until("source.readyState === EventSource.CLOSED")
        .await;
    assert_eq!(browser.value("messages").await, 0);
}
