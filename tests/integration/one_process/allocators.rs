//! Libraries with an allocator of their own take static TLS, of which a process has a fixed amount.

use stackup_tests::log::Record;
use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::{Host, Site, artifacts};

use super::{code, site};

const VARIABLE: &str = "GLIBC_TUNABLES";

/// Starts a host with this value of `GLIBC_TUNABLES`.
async fn start_with(tunables: &str, site: &Site) -> Host {
    let arguments = ["-p", "0", "-o", "127.0.0.1", "-E", "production"];
    let mut command = Host::command(artifacts::stackup(), site, &arguments);
    let mut host = Host::spawn(command.env(VARIABLE, tunables));
    host.ready().await;
    host
}

#[tokio::test]
async fn allocators_load_again_and_again() {
    for name in ["jemalloc", "mimalloc"] {
        let plugin = format!("uses-{name}");
        let Some(library) = artifacts::real_crate(&plugin) else {
            return;
        };
        let site = site(&format!("run = \"{plugin}\"\n"), &plugin, library);
        let host = Host::start(&site).await;
        assert_eq!(host.get("/").await.text(), code(name, 0));
        let library = read(library);
        for number in 1..=20 {
            let next = patched(&library, &code(name, 0), &code(name, number));
            site.library(&plugin, &next);
            host.reload("swapped").await;
            assert_eq!(host.get("/").await.text(), code(name, number));
        }
        let renewed = |record: &Record| record.event() == "renewal";
        assert!(
            host.log().try_take(renewed).is_none(),
            "{name}: {}",
            host.log()
        );
    }
}

#[tokio::test]
async fn library_that_finds_no_static_tls_is_tried_in_a_fresh_worker() {
    let Some(library) = artifacts::real_crate("uses-jemalloc") else {
        return;
    };
    let plugin = "uses-jemalloc";
    let site = site("run = \"uses-jemalloc\"\n", plugin, library);
    // Enough for one copy, and for a second, but not for a third.
    let host = start_with(
        "glibc.malloc.tcache_count=7:glibc.rtld.optional_static_tls=5000",
        &site,
    )
    .await;
    let library = read(library);
    let mut connection = host.connect().await;
    let mut renewals = 0;
    for number in 1..=5 {
        let next = patched(&library, &code("jemalloc", 0), &code("jemalloc", number));
        site.library(plugin, &next);
        let outcome = |record: &Record| {
            record.event() == "exhausted"
                || (record.event() == "reload" && record.text("outcome") == "swapped")
        };
        let record = host
            .log()
            .take("swap, or a worker that is used up", outcome)
            .await;
        if record.event() == "exhausted" {
            assert!(
                record.text("error").contains("static TLS block"),
                "{record}"
            );
            host.renewed().await;
            renewals += 1;
        }
        let response = host.get("/").await;
        assert_eq!(response.text(), code("jemalloc", number));
        let response = connection.get("/").await;
        assert!(response.status() == 200, "{response:?}");
        if response.header("connection") == Some("close") {
            connection = host.connect().await;
        }
    }
    assert!(renewals >= 1);
}

#[tokio::test]
async fn library_that_no_fresh_process_can_load_is_refused_with_the_features_that_help() {
    let Some(library) = artifacts::real_crate("uses-jemalloc") else {
        return;
    };
    let site = Site::new("run = \"hello\"\n", &["hello"]);
    let host = start_with("glibc.rtld.optional_static_tls=512", &site).await;
    site.library("uses-jemalloc", &read(library));
    site.manifest("run = \"uses-jemalloc\"\n");
    let failed = |record: &Record| record.event() == "renewal" && record.text("state") == "failed";
    let record = host.log().take("a renewal that fails", failed).await;
    for says in [
        "static TLS block",
        "disable_initial_exec_tls",
        "local_dynamic_tls",
    ] {
        assert!(record.text("error").contains(says), "{record}");
    }
    assert_eq!(host.get("/").await.text(), "Hello, World!\n");
    // The next change is taken as ever.
    site.manifest("run = \"hello\"\n[limits]\nconnections = 100\nbody_bytes = 7\n");
    host.reload("swapped").await;
}

#[tokio::test]
async fn inspect_and_check_tell_what_an_allocator_takes() {
    let Some(library) = artifacts::real_crate("uses-jemalloc") else {
        return;
    };
    let site = site("run = \"uses-jemalloc\"\n", "uses-jemalloc", library);
    let told = site
        .stackup(&["inspect", "plugins/libuses_jemalloc.so"])
        .await;
    let line = told
        .stdout
        .lines()
        .find(|line| line.starts_with("static tls"));
    let line = line.unwrap_or_else(|| panic!("{told:?}"));
    let mut words = line.split_whitespace().skip(2);
    let bytes: Option<u64> = words.next().and_then(|word| word.parse().ok());
    assert!(bytes.is_some_and(|bytes| bytes > 512), "{line}");
    let told = site.stackup(&["check", "-E", "production"]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let site = Site::new("run = \"hello\"\n", &["hello"]);
    let told = site.stackup(&["inspect", "plugins/libhello.so"]).await;
    assert!(!told.stdout.contains("static tls"), "{told:?}");
}
