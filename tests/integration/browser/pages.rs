use stackup_tests::CargoSite;
use stackup_tests::cargo_site::lib;

use super::driver::Browser;
use super::{PAGE, develop, get};

/// The content of the script's overlay.
const OVERLAY: &str = "document.querySelector('stackup-overlay')?.shadowRoot";

const ESCAPE: char = '\u{e00c}';

/// The source of an app with a page that has this text.
fn page(text: &str) -> String {
    format!(
        "use stackup_plugin::{{Html, IntoResponse, Request, Result}};\n\n\
         async fn app(_: Request) -> Result {{\n    \
         Html(\"<!DOCTYPE html><head></head><h1>{text}</h1>\").into_response()\n}}\n\n\
         stackup_plugin::export!(app fn app);\n"
    )
}

#[tokio::test]
async fn save_reloads_page_and_error_shows_overlay_until_fixed() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let cargo_site = CargoSite::new("run = \"hello\"\n", &["hello"]);
    cargo_site.save(&lib("hello"), &page("first"));
    let host = cargo_site.develop().await;
    browser.open(host.url()).await;
    browser
        .wait_until("document.querySelector('h1')?.textContent === 'first' && window.stackupClient")
        .await;
    cargo_site.save(&lib("hello"), &page("second"));
    browser
        .wait_until("document.querySelector('h1')?.textContent === 'second'")
        .await;
    cargo_site.save(&lib("hello"), &page("third").replace("Html(", "Htlm("));
    browser
        .wait_until(&format!(
            "{OVERLAY}?.textContent.includes('cannot find function, tuple struct or tuple variant `Htlm`')"
        ))
        .await;
    let serves_on = get(&host, "/").await;
    assert_eq!(serves_on.status(), 200);
    assert!(serves_on.text().contains("<h1>second</h1>"), "{serves_on}");
    cargo_site.save(&lib("hello"), &page("fixed"));
    browser
        .wait_until(&format!(
            "document.querySelector('h1')?.textContent === 'fixed' && !{OVERLAY}?.textContent.includes('Htlm')"
        ))
        .await;
}

#[tokio::test]
async fn reloaded_page_keeps_scroll_position() {
    let Some((site, host, browser)) = develop("run = \"answers\"\n", &["answers", "stamp"]).await
    else {
        return;
    };
    let tall = format!("{PAGE}<p style=height:5000px>tall");
    browser.open(&format!("{}/?{tall}", host.url())).await;
    browser.run("scrollTo(0, 1234); window.same = true").await;
    site.manifest("use = [\"stamp\"]\nrun = \"answers\"\n");
    browser
        .wait_until("!window.same && scrollY === 1234 && window.stackupClient.generation === 2")
        .await;
}

#[tokio::test]
async fn page_of_older_generation_reloads_once() {
    let Some((_site, host, browser)) = develop("run = \"answers\"\n", &["answers"]).await else {
        return;
    };
    // As from a cache. Its policy forbids the script that stackup would insert.
    let url = host.url();
    let policy = format!("header=content-security-policy:script-src {url} 'unsafe-inline'");
    let body = "body=<head><script>sessionStorage.loads = Number(sessionStorage.loads || 0) - -1</script>\
                <script src=/_stackup/client.js data-generation=7></script></head>";
    browser
        .open(&format!(
            "{url}/?header=content-type:text/html&{policy}&{body}"
        ))
        .await;
    browser.wait_until("sessionStorage.loads === '2'").await;
    // By then the client has received the state twice, as events arrive in the order of the connections.
    browser
        .run(
            "window.states = 0; for (const _ of [1, 2]) \
             new EventSource('/_stackup/events').addEventListener('state', () => states += 1)",
        )
        .await;
    browser.wait_until("window.states === 2").await;
    assert_eq!(browser.value("sessionStorage.loads").await, "2");
}

#[tokio::test]
async fn refusal_is_shown_in_overlay_until_fixed() {
    let good = "run = \"answers\"\n";
    let Some((site, host, browser)) = develop(good, &["answers"]).await else {
        return;
    };
    let policy = "header=content-security-policy:default-src 'self'";
    browser
        .open(&format!("{}/?{PAGE}&{policy}", host.url()))
        .await;
    browser.run("window.same = true").await;
    site.manifest("run = \"answers\"\nuze = [\"<b>stamp\"]\n");
    let text = format!("{OVERLAY}.querySelector('.text').textContent");
    browser
        .wait_until(&format!("{text}.includes('unknown key `uze`')"))
        .await;
    // The first position is highlighted, and text of the manifest is escaped.
    let place = browser.value(format!("{OVERLAY}.querySelector('.place').textContent"));
    let place = place.await.to_string();
    assert!(place.ends_with("/config.ru.toml:2:1\""), "{place}");
    let tags = browser.value(format!("{OVERLAY}.querySelectorAll('b').length"));
    assert_eq!(tags.await, 0);
    let serving = browser.value(format!("{OVERLAY}.querySelector('.serving').textContent"));
    let serving = serving.await.to_string();
    assert!(serving.contains("generation 1"), "{serving}");
    // It is styled although the page's policy forbids inline styles.
    let position = format!("getComputedStyle({OVERLAY}.querySelector('.veil')).position");
    assert_eq!(browser.value(&position).await, "absolute");
    assert_eq!(get(&host, "/?body=old").await.text(), "old");

    // Escape hides it; a badge stays.
    browser.press(&[ESCAPE]).await;
    browser
        .wait_until(&format!("{OVERLAY}.querySelector('.veil').hidden"))
        .await;
    let sign = format!("{OVERLAY}.querySelector('.error')");
    assert_eq!(browser.value(&format!("{sign}.hidden")).await, false);
    browser.run(&format!("{sign}.click()")).await;
    browser
        .wait_until(&format!("!{OVERLAY}.querySelector('.veil').hidden"))
        .await;

    site.manifest(good);
    browser
        .wait_until(&format!(
            "{OVERLAY}.querySelector('.veil').hidden && {sign}.hidden"
        ))
        .await;
    assert_eq!(browser.value("window.same").await, true);
}

#[tokio::test]
async fn panics_of_other_requests_are_counted_in_corner() {
    let manifest = "run = \"answers\"\n[failures]\npanics = \"off\"\n";
    let Some((_site, host, browser)) = develop(manifest, &["answers"]).await else {
        return;
    };
    browser.open(&format!("{}/?{PAGE}", host.url())).await;
    let listens = "performance.getEntriesByName(location.origin + '/_stackup/client.js').length";
    browser.wait_until(listens).await;
    let sign = format!("{OVERLAY}.querySelector('.panics').textContent");
    // One may happen before the page listens.
    browser
        .wait_until(&format!(
            "(fetch('/?panic=a'), {OVERLAY} && /^\\d+ panics?$/.test({sign}))"
        ))
        .await;
    let leads = format!("{OVERLAY}.querySelector('.panics').getAttribute('href')");
    assert_eq!(browser.value(&leads).await, "/_stackup/");
}

#[tokio::test]
async fn panic_page_links_to_request_and_goes_when_fixed() {
    let Some((site, host, browser)) = develop("run = \"panics\"\n", &["panics", "answers"]).await
    else {
        return;
    };
    browser.open(&format!("{}/call", host.url())).await;
    let heading = browser.value("document.querySelector('h1').textContent");
    assert_eq!(heading.await, "panic in panics");
    let link = browser.value("document.querySelector('a').href").await;
    let link = link.as_str().expect("an address").to_owned();
    browser.open(&link).await;
    browser
        .wait_until("document.querySelector('#request .failed .row')?.innerText.includes('panics')")
        .await;
    browser
        .open(&format!("{}/call?body=fixed", host.url()))
        .await;
    site.manifest("run = \"answers\"\n");
    browser
        .wait_until("document.body.innerText.includes('fixed') && !document.querySelector('h1')")
        .await;
}
