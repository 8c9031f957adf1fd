//! What the handlers of one library have once: `cx.shared`.

use stackup_tests::{Host, Site};

/// `counts` above `shows`, each with the name of its value.
fn manifest(above: &str, mark: u64, below: &str) -> String {
    format!(
        "use = [{{ plugin = \"shares#counts\", config = {{ value = \"{above}\", mark = {mark} }} }}]\n\
         run = {{ plugin = \"shares#shows\", config = {{ value = \"{below}\" }} }}\n"
    )
}

async fn swap(site: &Site, host: &Host, manifest: &str) {
    site.manifest(manifest);
    host.reload("swapped").await;
}

#[tokio::test]
async fn value_is_opened_once_and_dropped_with_its_last_instance() {
    let site = Site::new(&manifest("a", 1, "a"), &["shares", "hello"]);
    let host = Host::start(&site).await;
    assert_eq!(host.get("/").await.text(), "a 2\n");
    // The next instance finds what the others have.
    swap(&site, &host, &manifest("a", 2, "a")).await;
    host.event("drained").await;
    assert_eq!(host.get("/").await.text(), "a 4\n");
    // So it does where everything is built again.
    host.signal(rustix::process::Signal::HUP);
    host.reload("swapped").await;
    host.event("drained").await;
    assert_eq!(host.get("/").await.text(), "a 6\n");
    // One of the two has it still.
    swap(&site, &host, &manifest("b", 2, "a")).await;
    host.event("drained").await;
    assert_eq!(host.get("/").await.text(), "a 7\n");
    let log = host.log().to_string();
    assert_eq!(log.matches("shares: opened a").count(), 1, "{log}");
    assert!(!log.contains("shares: dropped"), "{log}");
    swap(&site, &host, &manifest("b", 2, "b")).await;
    host.message("shares: dropped a, runs: true").await;
    assert_eq!(host.get("/").await.text(), "b 3\n");
    // With the last handler the runtime ends, after the value.
    swap(&site, &host, "run = \"hello\"\n").await;
    host.message("shares: dropped b, runs: true").await;
    let log = host.log().to_string();
    assert_eq!(log.matches("shares: opened").count(), 2, "{log}");
}
