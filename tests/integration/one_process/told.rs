//! What a plugin would do to the process that serves it, `stackup check` says before.

use stackup_tests::{Site, artifacts};

use super::site;

#[tokio::test]
async fn check_says_nothing_of_what_ends_with_its_handler() {
    // It has a runtime by `export!(tokio; …)`, and a socket.
    let site = Site::new("run = \"tokio-net\"\n", &["tokio-net"]);
    let told = site.stackup(&["check", "-E", "production"]).await;
    assert_eq!((told.code, &*told.stderr), (Some(0), ""), "{told:?}");
}

#[tokio::test]
async fn check_tells_what_each_plugin_changes_and_leaves_behind() {
    for (plugin, says) in [
        ("uses-ctrlc", "`uses-ctrlc` changes the handlers of SIG"),
        (
            "uses-signal-hook",
            "`uses-signal-hook` changes the handlers of SIGTERM",
        ),
        (
            "uses-wasmtime",
            "`uses-wasmtime` changes the handlers of SIG",
        ),
        (
            "fast-math",
            "`fast-math` changes floating point (denormal numbers are zero",
        ),
        (
            "uses-tokio",
            "each reload of `uses-tokio` leaves 2 threads, 3 descriptors",
        ),
        (
            "uses-rayon",
            "each reload of `uses-rayon` leaves 3 threads behind",
        ),
        ("uses-mimalloc", "each reload of `uses-mimalloc` leaves "),
    ] {
        let Some(library) = artifacts::real_crate(plugin) else {
            return;
        };
        let site = site(&format!("run = \"{plugin}\"\n"), plugin, library);
        let told = site.stackup(&["check", "-E", "production"]).await;
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(told.stderr.contains(says), "{plugin}: {told:?}");
    }
}
