//! tokio in a plugin, with and without its own runtime.

use stackup_tests::{Host, Site};

#[tokio::test]
async fn plugin_with_runtime_uses_sockets_timers_and_tasks() {
    let site = Site::new("run = \"tokio-net\"\n", &["tokio-net"]);
    let host = Host::start(&site).await;
    assert_eq!(host.get("/").await.text(), "ping");
    assert_eq!(host.get("/sleep").await.text(), "slept\n");
    assert_eq!(host.get("/body").await.text(), "line\nline\nline\n");
}

#[tokio::test]
async fn runtimes_are_entered_across_layers() {
    let manifest = "use = [\"stamp\"]\nrun = \"tokio-net\"\n\n\
                    [[map]]\npath = \"/probe\"\nrun = \"probe\"\n";
    let site = Site::new(manifest, &["tokio-net", "stamp", "probe"]);
    let host = Host::start(&site).await;
    // Alternate, so that each would find a context that the other left behind.
    for _ in 0..20 {
        assert_eq!(host.get("/").await.text(), "ping");
        assert_eq!(host.get("/probe/sleep?ms=1").await.text(), "slept\n");
    }
}

#[tokio::test]
async fn tokio_call_without_runtime_explains_fix() {
    let site = Site::new("run = \"tokio-missing\"\n", &["tokio-missing"]);
    let host = Host::start_in("development", &site).await;
    for path in ["/", "/spawn"] {
        let response = host.get(path).await;
        assert_eq!(response.status(), 500);
        let text = response.text();
        for hint in ["`tokio-missing`", "feature `tokio`", "export!(tokio;"] {
            assert!(text.contains(hint), "{path}: `{hint}` is not in {text}");
        }
    }
}
