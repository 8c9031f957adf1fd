//! What `stackup dev` begins with when there is nothing to begin with.

use rustix::process::{Signal, kill_process};
use stackup_tests::Workshop;
use stackup_tests::crates::{app, lib};

use super::{refused, serves};

#[tokio::test]
async fn failed_first_build_is_shown_until_fixed() {
    let workshop = Workshop::new("run = \"hello\"\n", &["hello"]);
    workshop.save(&lib("hello"), &app("hello").replace("&'static str", "u8"));
    let host = workshop.develop().await;
    refused(&host, "build").await;
    assert_eq!(host.get("/").await.status(), 503);
    let status = workshop.site.stackup(&["status"]).await;
    assert!(
        status.out.contains("there is no stack yet"),
        "{}",
        status.out
    );
    workshop.save(&lib("hello"), &app("mended"));
    let record = serves(&host, "mended").await;
    assert_eq!(record.number("generation"), Some(1), "{record}");
}

#[tokio::test]
async fn missing_plugin_is_built_when_it_appears() {
    let workshop = Workshop::new("run = \"later\"\n", &["hello"]);
    let host = workshop.develop().await;
    refused(&host, "find").await;
    assert_eq!(host.get("/").await.status(), 503);
    // What stands in has proved nothing: the next worker begins as this one did.
    kill_process(host.worker(), Signal::KILL).unwrap();
    host.serving().await;
    refused(&host, "find").await;
    assert_eq!(host.get("/any").await.status(), 503);
    workshop.save(&lib("later"), &app("now"));
    workshop.add("later", "");
    let record = serves(&host, "now").await;
    assert_eq!(record.number("generation"), Some(1), "{record}");
}

#[tokio::test]
async fn broken_cargo_toml_is_watched_until_fixed() {
    let workshop = Workshop::new("run = \"hello\"\n", &["hello"]);
    workshop.save("plugins/hello/Cargo.toml", "[package\n");
    let host = workshop.develop().await;
    refused(&host, "build").await;
    workshop.save("part/Cargo.toml", "[package\n");
    workshop.save("part/src/lib.rs", "");
    workshop.add("hello", "part = { path = \"../../part\" }\n");
    refused(&host, "build").await;
    let part = "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    workshop.save("part/Cargo.toml", part);
    serves(&host, "hello").await;
}
