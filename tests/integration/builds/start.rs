//! What `stackup dev` begins with when there is nothing to begin with.

use std::os::unix::fs::PermissionsExt;

use rustix::process::{Signal, kill_process};
use stackup_tests::cargo_site::{app, lib};
use stackup_tests::{Host, Workshop, artifacts};

use super::{answers, refused, serves};

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

/// As on WSL, in shared folders and in Codespaces.
#[tokio::test]
async fn world_writable_folder_refuses_given_libraries_and_not_built_ones() {
    let manifest = "run = \"hello\"\n[plugins]\npath = [\"target/debug\"]\n";
    let workshop = Workshop::new(manifest, &["hello"]);
    let mode = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(workshop.site.path(), mode).unwrap();
    let host = workshop.develop().await;
    answers(&host, "hello").await;
    workshop.save(&lib("hello"), &app("edited"));
    serves(&host, "edited").await;
    drop(host);
    // The same file, where it is not known who built it.
    let mut host = Host::launch(artifacts::stackup(), &workshop.site, &["-p", "0"]);
    assert!(!host.exited().await.success());
    let log = host.log().to_string();
    assert!(log.contains("libhello.so` is refused at trust"), "{log}");
    assert!(log.contains("is world-writable (mode 0777)"), "{log}");
}
