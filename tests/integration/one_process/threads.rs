//! Threads, descriptors and memory of libraries are counted by plugin, also after the plugin has retired.

use serde_json::Value;
use stackup_tests::log::Record;
use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::{Host, Site, artifacts};

use super::{code, site};

/// What `stackup status` says of the plugin in the serving worker.
async fn usage(site: &Site, plugin: &str) -> Value {
    let told = site.stackup(&["status", "--json"]).await;
    let status: Value = serde_json::from_str(&told.stdout).expect("JSON");
    let workers = status["workers"].as_array().expect("workers");
    let serving = workers.iter().find(|worker| worker["state"] == "serving");
    let plugins = serving.and_then(|worker| worker["status"]["plugins"].as_array());
    let usage = plugins.and_then(|all| all.iter().find(|one| one["plugin"] == plugin));
    usage.unwrap_or_else(|| panic!("{status:#}")).clone()
}

/// Swaps to another copy of the library and waits until the one before has retired.
async fn swap(site: &Site, host: &Host, name: &str, library: &[u8], number: u32) {
    let next = patched(library, &code(name, 0), &code(name, number));
    site.library(&format!("uses-{name}"), &next);
    host.reload("swapped").await;
    host.event("drained").await;
}

#[tokio::test]
async fn threads_and_descriptors_of_a_runtime_are_its_plugins_even_once_it_has_retired() {
    // Of its own runtime, a tokio has its threads, and two epolls and an eventfd.
    for (name, threads, descriptors) in [("tokio", 2, 3), ("rayon", 3, 0)] {
        let plugin = format!("uses-{name}");
        let Some(library) = artifacts::real_crate(&plugin) else {
            return;
        };
        let site = site(&format!("run = \"{plugin}\"\n"), &plugin, library);
        let host = Host::start(&site).await;
        let _client = host.connect().await;
        assert!(host.get("/").await.text().starts_with(&code(name, 0)));
        let library = read(library);
        for copies in 1..=3 {
            if copies > 1 {
                swap(&site, &host, name, &library, copies).await;
            }
            let usage = usage(&site, &plugin).await;
            assert_eq!(usage["copies"], copies, "{usage}");
            assert_eq!(usage["unused"], copies - 1, "{usage}");
            assert_eq!(usage["threads"], copies * threads, "{usage}");
            assert_eq!(usage["descriptors"], copies * descriptors, "{usage}");
        }
        let told = site.stackup(&["status"]).await;
        let says = format!("`{plugin}`: 3 copies (2 unused) with ");
        assert!(told.stdout.contains(&says), "{told:?}");
    }
}

#[tokio::test]
async fn threads_that_are_left_behind_lead_to_a_renewal() {
    let Some(library) = artifacts::real_crate("uses-tokio") else {
        return;
    };
    for (budget, says) in [
        ("threads = 4", "unused libraries have 4 threads"),
        ("descriptors = 6", "unused libraries have 6 descriptors"),
    ] {
        let manifest = format!("run = \"uses-tokio\"\n[renewal]\n{budget}\n");
        let site = site(&manifest, "uses-tokio", library);
        let host = Host::start(&site).await;
        let library = read(library);
        for number in 1..=2 {
            swap(&site, &host, "tokio", &library, number).await;
        }
        let begins =
            |record: &Record| record.event() == "renewal" && record.text("cause").starts_with(says);
        host.log()
            .take(&format!("renewal because {says}"), begins)
            .await;
        host.next_worker().await;
        assert_eq!(host.get("/").await.text(), code("tokio", 2));
        let usage = usage(&site, "uses-tokio").await;
        assert_eq!(usage["threads"], 2, "{usage}");
    }
}

#[tokio::test]
async fn memory_of_an_allocator_is_its_plugins() {
    let mut taken = Vec::new();
    for plugin in ["uses-signal-hook", "uses-mimalloc"] {
        let Some(library) = artifacts::real_crate(plugin) else {
            return;
        };
        let site = site(&format!("run = \"{plugin}\"\n"), plugin, library);
        let _host = Host::start(&site).await;
        let usage = usage(&site, plugin).await;
        taken.push(usage["memory"].as_u64().expect("a number"));
    }
    let [system, mimalloc] = taken[..] else {
        panic!("{taken:?}");
    };
    // Clean pages of the file do not count.
    assert!((1..1 << 20).contains(&system), "{system}");
    assert!(mimalloc > system, "{mimalloc} and {system}");
}
