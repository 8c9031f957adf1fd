//! Plugins built with another compiler, allocator or version of stackup-plugin.

use stackup_tests::site::read;
use stackup_tests::workspace_copy::{Edit, WorkspaceCopy};
use stackup_tests::{Host, Site, artifacts, print_skipped};

/// Adds a field after the last one that plugins know.
const ADDED_FIELD: Edit = Edit {
    file: "plugin-api/src/abi/tables.rs",
    from: "    // The table grows here, at its end.\n",
    to: "    pub added_later: unsafe extern \"C\" fn(task: *mut TaskObject),\n",
};

/// A commit whose tables end earlier: before handlers had a life (`serving`, `hand_over`) and the host's table `context_is_trial`.
const BEFORE_LIFE: &str = "3ff0914cd5ef8d94ca5630af1646281c7be9e7c6";

/// Exercises each feature of `probe` on a host that serves it as its only app.
async fn exercise_probe(host: &Host) {
    assert_eq!(host.get("/").await.text(), "probe\n");
    let body = vec![b'e'; 100_000];
    let mut connection = host.connect().await;
    assert_eq!(connection.post("/echo", &body).await.body, body);
    assert_eq!(host.get("/chunks?count=3").await.text().lines().count(), 3);
    assert_eq!(host.get("/where").await.text(), "GET [] [/where] tcp\n");
    host.message("probe: finished /where 200").await;
    assert_eq!(host.get("/sleep?ms=1").await.text(), "slept\n");
    assert_eq!(host.get("/task").await.status(), 202);
    host.message("probe: a task waits").await;
}

#[tokio::test]
async fn nightly_plugin_with_random_layouts_works() {
    let Some(library) = artifacts::nightly_plugin("probe") else {
        print_skipped("no nightly toolchain; install it with rustup");
        return;
    };
    let site = Site::new("run = \"probe\"\n", &[]);
    site.library("probe", &read(&library));
    exercise_probe(&Host::start(&site).await).await;
}

#[tokio::test]
async fn plugin_with_other_allocator_works() {
    // Panics are part of the test, so the breaker must stay closed.
    let manifest = "run = \"other-allocator\"\n[failures]\npanics = \"off\"\n";
    let site = Site::new(manifest, &["other-allocator"]);
    let host = Host::start_in("development", &site).await;
    for _ in 0..10 {
        let response = host.get("/").await;
        assert_eq!(response.body.len(), 4096);
        assert_eq!(response.header("x-long").map(str::len), Some(4096));
        assert_eq!(host.get("/big").await.body.len(), 1 << 20);
        assert!(host.get("/error").await.text().contains("another heap"));
        assert!(host.get("/panic").await.text().contains("another heap"));
        let body = vec![b'o'; 100_000];
        let mut connection = host.connect().await;
        assert_eq!(connection.post("/echo", &body).await.body, body);
    }
    // Its instance is freed too.
    site.plugin("hello");
    site.manifest("run = \"hello\"\n");
    host.reload("swapped").await;
    host.event("drained").await;
    assert_eq!(host.get("/").await.text(), "Hello, World!\n");
}

#[tokio::test]
async fn newer_plugin_with_grown_tables_loads() {
    let library = WorkspaceCopy::plugin(
        "newer-plugin",
        "tests/plugins/probe",
        &[
            ADDED_FIELD,
            Edit {
                file: "plugin-api/src/abi/root.rs",
                from: "    pub log_changed: unsafe extern \"C\" fn(),\n",
                to: "    pub log_changed: unsafe extern \"C\" fn(),\n    \
                     pub added_later: u64,\n",
            },
            Edit {
                file: "plugin-api/src/abi/plugin/entry.rs",
                from: "        handlers: RSlice::from_slice(P::HANDLERS),\n",
                to: "        handlers: RSlice::from_slice(P::HANDLERS),\n        added_later: 7,\n",
            },
        ],
    );
    let site = Site::new("run = \"newer-plugin\"\n", &[]);
    site.library("newer-plugin", &library);
    exercise_probe(&Host::start(&site).await).await;
}

/// Built from the sources of that time, not from today's with a shorter table.
#[tokio::test]
async fn plugin_of_an_earlier_commit_loads_unchanged() {
    let source = "tests/plugins/probe";
    let Some(copy) = WorkspaceCopy::of_commit(BEFORE_LIFE, "earlier-plugin", &[source]) else {
        print_skipped("git does not have the commit of the earlier plugin; clone with all history");
        return;
    };
    let site = Site::new("run = \"earlier-plugin\"\n", &[]);
    site.library("earlier-plugin", &read(&copy.build("earlier-plugin")));
    let host = Host::start(&site).await;
    exercise_probe(&host).await;
    // Its end, too: a task, and a drop.
    site.plugin("hello");
    site.manifest("run = \"hello\"\n");
    host.reload("swapped").await;
    host.message("probe: dropped the app").await;
}

#[tokio::test]
async fn older_plugin_loads_in_host_with_grown_tables() {
    let newer = WorkspaceCopy::new(
        "newer-host",
        &["host"],
        &[
            ADDED_FIELD,
            // The copy renames the package. Its program is to have the new name, its library the old one.
            Edit {
                file: "host/Cargo.toml",
                from: "[[bin]]\nname = \"stackup\"\n",
                to: "[[bin]]\nname = \"newer-host\"\n",
            },
            Edit {
                file: "host/Cargo.toml",
                from: "default-run = \"stackup\"\n",
                to: "",
            },
            Edit {
                file: "host/Cargo.toml",
                from: "[dependencies]\n",
                to: "[lib]\nname = \"stackup\"\n\n[dependencies]\n",
            },
            // Only its own tests use it.
            Edit {
                file: "host/Cargo.toml",
                from: "stackup-tests = { path = \"../tests\" }\n",
                to: "",
            },
            Edit {
                file: "plugin-api/src/abi/host/table.rs",
                from: "WithMetadata::new(HostExtension {\n",
                to: "WithMetadata::new(HostExtension {\n        added_later: context::task_drop,\n",
            },
        ],
    );
    let newer = newer.build("newer-host");
    let site = Site::new("run = \"probe\"\n", &["probe"]);
    let mut host = Host::launch(&newer, &site, &["-p", "0"]);
    host.ready().await;
    exercise_probe(&host).await;
}
