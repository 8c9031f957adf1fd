use stackup_tests::{Host, Site};

use super::driver::Browser;
use super::{develop, get};

const MANIFEST: &str = "\
use = [
  { plugin = \"stamp\", config = { mark = \"stamp\" } }, # stays with it
  { plugin = \"headers\", config = { append = { x-mark = \"headers\" }, request = { set = { x-down = \"1\" } } } },
]
run = \"answers\"
";

const ALT: char = '\u{e00a}';
const DOWN: char = '\u{e015}';

/// The layers of the top level, as the page shows them.
const LAYERS: &str = "[...document.querySelectorAll('#stack .layer')].map((one) => one.dataset.handler + (one.classList.contains('absent') ? ' off' : '')).join()";

/// The marks of a response, innermost layer first.
async fn marks(host: &Host) -> Vec<String> {
    let response = get(host, "/").await;
    response.head.all("x-mark").map(str::to_owned).collect()
}

/// A site, its host, and a browser that shows its stack. `None` without a browser.
async fn open_inspector() -> Option<(Site, Host, Browser)> {
    let (site, host, browser) = develop(MANIFEST, &["stamp", "headers", "answers"]).await?;
    browser.open(&format!("{}/_stackup/", host.url())).await;
    browser
        .wait_until(&format!("{LAYERS} === 'stamp,headers,answers'"))
        .await;
    Some((site, host, browser))
}

#[tokio::test]
async fn request_is_shown_layer_by_layer() {
    let Some((_site, host, browser)) = open_inspector().await else {
        return;
    };
    // A request while the page is open.
    get(&host, "/some/where?body=a").await;
    browser
        .wait_until("document.querySelector('#requests li')?.innerText.includes('/some/where')")
        .await;
    browser
        .run("document.querySelector('#requests li').click()")
        .await;
    browser
        .wait_until("document.querySelectorAll('#request .layers > li').length === 4")
        .await;
    let names = "[...document.querySelectorAll('#request .layers > li')].map((one) => one.dataset.handler).join()";
    assert_eq!(browser.value(names).await, "stamp,headers,answers,");
    // A layer has a part before the layers below it and one after them; the app has one.
    let parts = "[...document.querySelectorAll('#request .layers > li')].map((one) => one.querySelectorAll('.own').length).join()";
    assert_eq!(browser.value(parts).await, "2,2,1,0");

    let row = "document.querySelector('#request li[data-handler=headers]')";
    browser
        .run(&format!("{row}.querySelector('.row').click()"))
        .await;
    browser
        .wait_until(&format!("{row}.querySelector('.detail')"))
        .await;
    let changes = format!(
        "[...{row}.querySelectorAll('.changes li')].map((one) => one.className + ' ' + one.dataset.name + '=' + one.querySelector('ins').textContent).join()"
    );
    assert_eq!(
        browser.value(&changes).await,
        "added x-down=1,added x-mark=headers"
    );
    // The keyboard is enough: Escape closes it.
    browser.press(&['\u{e00c}']).await;
    browser
        .wait_until("document.getElementById('request').hidden")
        .await;
}

#[tokio::test]
async fn layers_are_moved_and_switched_off_by_keyboard_and_mouse() {
    let Some((site, host, browser)) = open_inspector().await else {
        return;
    };
    assert_eq!(marks(&host).await, ["headers", "stamp"]);
    browser
        .run("document.querySelector('.layer[data-handler=stamp]').focus()")
        .await;
    browser.press(&[ALT, DOWN]).await;
    browser
        .wait_until(&format!("{LAYERS} === 'headers,stamp,answers'"))
        .await;
    assert_eq!(marks(&host).await, ["stamp", "headers"]);
    // The moved layer keeps the focus.
    browser
        .wait_until("document.activeElement.dataset.handler === 'stamp'")
        .await;

    browser
        .run("document.querySelector('[data-handler=stamp] [data-does=off]').click()")
        .await;
    browser
        .wait_until(&format!("{LAYERS} === 'headers,stamp off,answers'"))
        .await;
    assert_eq!(marks(&host).await, ["headers"]);

    for layers in ["headers,stamp,answers", "stamp,headers,answers"] {
        browser
            .wait_until("!document.getElementById('undo').disabled")
            .await;
        browser.run("document.getElementById('undo').click()").await;
        browser
            .wait_until(&format!("{LAYERS} === '{layers}'"))
            .await;
    }
    assert_eq!(marks(&host).await, ["headers", "stamp"]);
    browser
        .wait_until("document.getElementById('undo').disabled")
        .await;
    let text = std::fs::read_to_string(site.path().join("config.ru.toml"));
    assert_eq!(text.expect("a manifest"), MANIFEST);
}

#[tokio::test]
async fn refused_edit_is_reported_and_active_stack_stays() {
    let Some((site, _host, browser)) = open_inspector().await else {
        return;
    };
    site.manifest(&MANIFEST.replace("run =", "rum ="));
    browser
        .wait_until("document.getElementById('problem-text').textContent.includes('rum')")
        .await;
    let layers = browser.value(LAYERS).await.to_string();
    assert!(layers.contains("stamp,headers"), "{layers}");
    browser
        .run("document.getElementById('tab-reloads').click()")
        .await;
    browser
        .wait_until(
            "document.querySelector('#reloads .refused .error')?.textContent.includes('rum')",
        )
        .await;
    site.manifest("use = [\"headers\"]\nrun = \"answers\"\n");
    browser
        .wait_until(&format!("{LAYERS} === 'headers,answers'"))
        .await;
    browser
        .wait_until("document.getElementById('problem').hidden")
        .await;
    browser
        .wait_until("document.querySelector('#reloads .swapped .diff .removed')?.textContent.includes('use stamp')")
        .await;
}

#[tokio::test]
async fn impossible_change_is_reported() {
    let Some((_site, _host, browser)) = open_inspector().await else {
        return;
    };
    // As if an editor had saved another manifest just before.
    browser
        .run(
            "const ask = window.fetch; window.fetch = (path, how) => ask(path, how?.body \
             ? { ...how, body: how.body.replace('\"stamp\"', '\"other\"') } : how); \
             document.querySelector('[data-handler=stamp] [data-does=down]').click()",
        )
        .await;
    browser
        .wait_until("document.getElementById('failed').textContent.includes('has changed since')")
        .await;
    assert_eq!(browser.value(LAYERS).await, "stamp,headers,answers");
}

#[tokio::test]
async fn finding_is_listed_once_with_link_to_request() {
    let manifest = "use = [\"offends#layer\"]\nrun = \"offends#app\"\n";
    let Some((_site, host, browser)) = develop(manifest, &["offends"]).await else {
        return;
    };
    browser.open(&format!("{}/_stackup/", host.url())).await;
    browser
        .wait_until("document.querySelector('#stack .layer')")
        .await;
    let tab = "document.getElementById('tab-lint')";
    assert_eq!(browser.value(format!("{tab}.hidden")).await, true);
    for _ in 0..2 {
        get(&host, "/?app=framing").await;
    }
    browser
        .wait_until("document.querySelector('#findings li')?.innerText.includes('×2')")
        .await;
    let all = "document.querySelectorAll('#findings li').length";
    assert_eq!(browser.value(all).await, 1);
    browser.run(&format!("{tab}.click()")).await;
    browser
        .run("document.querySelector('#findings a').click()")
        .await;
    browser
        .wait_until("document.querySelector('#request h3')?.innerText === 'GET /?app=framing'")
        .await;
}

#[tokio::test]
async fn late_list_of_requests_keeps_newer_events() {
    let Some((_site, host, browser)) = develop("run = \"answers\"\n", &["answers"]).await else {
        return;
    };
    browser.open(&format!("{}/_stackup/", host.url())).await;
    browser
        .wait_until("document.querySelector('#stack .layer')")
        .await;
    browser
        .run(
            "(async () => {
                const { Requests } = await import('/_stackup/requests.js');
                const requests = new Requests(document.createElement('ul'), document.createElement('p'));
                const one = (number, ended) => ({
                    number, ended, status: ended && 200, method: 'GET', target: '/', handler: 'answers',
                    milliseconds: 1, generation: 1, at: 0,
                });
                let answer;
                window.fetch = () => new Promise((resolve) => { answer = resolve; });
                const loaded = requests.load();
                requests.received(one(2, null));
                requests.received(one(1, 'complete'));
                answer(new Response(JSON.stringify([one(1, null)])));
                await loaded;
                window.late = [...requests.all.values()].map(({ number, ended }) => `${number} ${ended}`).sort().join();
            })()",
        )
        .await;
    browser
        .wait_until("window.late === '1 complete,2 null'")
        .await;
}

#[tokio::test]
async fn cache_says_what_it_did_and_by_which_rule() {
    let manifest = "use = [\"cache\"]\nrun = \"answers\"\n";
    let Some((_site, host, browser)) = develop(manifest, &["cache", "answers"]).await else {
        return;
    };
    browser.open(&format!("{}/_stackup/", host.url())).await;
    let chip =
        "document.querySelector('#request li[data-handler=cache] [data-cache]')?.dataset.cache";
    let detail = "document.querySelector('#request .pairs.cache')?.innerText";
    let opened = async |target: &str, number: usize, outcome: &str| {
        get(&host, target).await;
        // Two of them have the same target.
        let requests = "document.querySelectorAll('#requests li')";
        browser
            .wait_until(&format!("{requests}.length === {number}"))
            .await;
        browser.run(&format!("{requests}[0].click()")).await;
        browser.wait_until(&format!("{chip} === '{outcome}'")).await;
    };
    opened("/?n=1&header=cache-control:max-age=60", 1, "miss").await;
    opened("/?n=1&header=cache-control:max-age=60", 2, "hit").await;
    opened("/?n=2&header=cache-control:private", 3, "miss").await;
    browser
        .run("document.querySelector('#request li[data-handler=cache] .row').click()")
        .await;
    browser
        .wait_until(&format!("{detail}?.includes('private (RFC 9111 5.2.2.7)')"))
        .await;
    let shown = browser.value(detail).await.to_string();
    assert!(shown.contains("nothing was stored for the URL"), "{shown}");
    assert!(
        shown.contains("/?n=2&header=cache-control:private"),
        "{shown}"
    );
}

#[tokio::test]
async fn replay_lists_what_an_edit_changed_and_shows_a_diff_on_demand() {
    let Some((site, host, browser)) = open_inspector().await else {
        return;
    };
    let text = MANIFEST.replace("mark = \"stamp\"", "mark = \"other\"");
    get(&host, "/?env=HTTP_X_DOWN&env=stackup.replay").await;
    site.manifest(&text.replace("x-down = \"1\"", "x-down = \"2\""));
    browser
        .run("document.getElementById('tab-reloads').click()")
        .await;
    let found = "document.querySelector('#reloads .replay')";
    browser
        .wait_until(&format!(
            "{found}?.innerText.includes('1 of 1 answer differs')"
        ))
        .await;
    let marks = format!(
        "[...{found}.querySelectorAll('.changes li')].map((one) => one.innerText.replace(/\\s+/g, ' ')).join()"
    );
    let marks = browser.value(marks).await.to_string();
    assert!(
        marks.contains("~ x-mark headers, stamp headers, other"),
        "{marks}"
    );
    assert_eq!(
        browser
            .value(format!("{found}.querySelector('pre').innerText"))
            .await,
        ""
    );
    browser
        .run(&format!("{found}.querySelector('summary').click()"))
        .await;
    browser
        .wait_until(&format!(
            "{found}.querySelector('pre').textContent.includes('-HTTP_X_DOWN=1\\n+HTTP_X_DOWN=2\\n stackup.replay=1')"
        ))
        .await;
}
