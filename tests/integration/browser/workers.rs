use rustix::process::Signal;

use super::{PAGE, develop};

const OVERLAY: &str = "document.querySelector('stackup-overlay')?.shadowRoot";

#[tokio::test]
async fn open_page_delays_no_renewal_and_follows_next_worker() {
    // Long timeouts: nothing but the page may end the wait.
    let manifest =
        "run = \"answers\"\n[limits]\nshutdown_timeout = \"1h\"\ndrain_timeout = \"1h\"\n";
    let Some((site, mut host, browser)) = develop(manifest, &["answers"]).await else {
        return;
    };
    browser.open(&format!("{}/?{PAGE}", host.url())).await;
    browser.run("window.same = true").await;
    let said = site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    // The page that the first worker served receives the next worker's error.
    site.manifest(&format!("{manifest}[uze]\n"));
    browser
        .wait_until(&format!(
            "{OVERLAY}?.querySelector('.text').textContent.includes('uze')"
        ))
        .await;
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
    browser
        .wait_until(&format!("!{OVERLAY}.querySelector('.lost').hidden"))
        .await;
}
