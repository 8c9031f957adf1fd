//! `stackup dev` without a stack to start with.

use std::os::unix::fs::PermissionsExt;

use rustix::process::{Signal, kill_process};
use stackup_tests::cargo_site::{app, lib};
use stackup_tests::{CargoSite, Host, artifacts};

use super::{assert_answers, assert_serves, next_refusal};

#[tokio::test]
async fn failed_first_build_is_shown_until_fixed() {
    let cargo_site = CargoSite::new("run = \"hello\"\n", &["hello"]);
    cargo_site.save(&lib("hello"), &app("hello").replace("&'static str", "u8"));
    let host = cargo_site.develop().await;
    next_refusal(&host, "build").await;
    assert_eq!(host.get("/").await.status(), 503);
    let status = cargo_site.site.stackup(&["status"]).await;
    assert!(
        status.stdout.contains("there is no stack yet"),
        "{}",
        status.stdout
    );
    cargo_site.save(&lib("hello"), &app("fixed"));
    let record = assert_serves(&host, "fixed").await;
    assert_eq!(record.number("generation"), Some(1), "{record}");
}

#[tokio::test]
async fn missing_plugin_is_built_when_it_appears() {
    let cargo_site = CargoSite::new("run = \"later\"\n", &["hello"]);
    let host = cargo_site.develop().await;
    next_refusal(&host, "find").await;
    assert_eq!(host.get("/").await.status(), 503);
    // The placeholder is no rollback target: the next worker starts as this one did.
    kill_process(host.worker(), Signal::KILL).unwrap();
    host.next_worker().await;
    next_refusal(&host, "find").await;
    assert_eq!(host.get("/any").await.status(), 503);
    cargo_site.save(&lib("later"), &app("now"));
    cargo_site.add_crate("later", "");
    let record = assert_serves(&host, "now").await;
    assert_eq!(record.number("generation"), Some(1), "{record}");
}

#[tokio::test]
async fn broken_cargo_toml_is_watched_until_fixed() {
    let cargo_site = CargoSite::new("run = \"hello\"\n", &["hello"]);
    cargo_site.save("plugins/hello/Cargo.toml", "[package\n");
    let host = cargo_site.develop().await;
    next_refusal(&host, "build").await;
    cargo_site.save("part/Cargo.toml", "[package\n");
    cargo_site.save("part/src/lib.rs", "");
    cargo_site.add_crate("hello", "part = { path = \"../../part\" }\n");
    next_refusal(&host, "build").await;
    let part = "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    cargo_site.save("part/Cargo.toml", part);
    assert_serves(&host, "hello").await;
}

/// As on WSL, in shared folders and in Codespaces.
#[tokio::test]
async fn world_writable_folder_refuses_given_libraries_and_not_built_ones() {
    let manifest = "run = \"hello\"\n[plugins]\npath = [\"target/debug\"]\n";
    let cargo_site = CargoSite::new(manifest, &["hello"]);
    let chmod = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let folder = cargo_site.site.path();
    chmod(folder, 0o777);
    chmod(&folder.join("config.ru.toml"), 0o666);
    let host = cargo_site.develop().await;
    assert_answers(&host, "hello").await;
    cargo_site.save(&lib("hello"), &app("edited"));
    assert_serves(&host, "edited").await;
    drop(host);
    // The same file, of unknown origin, with a manifest that nobody else can change.
    chmod(folder, 0o755);
    chmod(&folder.join("config.ru.toml"), 0o644);
    chmod(&folder.join("target/debug"), 0o777);
    let mut host = Host::launch(artifacts::stackup(), &cargo_site.site, &["-p", "0"]);
    assert!(!host.exited().await.success());
    let log = host.log().to_string();
    assert!(log.contains("libhello.so` is refused at trust"), "{log}");
    assert!(log.contains("is world-writable (mode 0777)"), "{log}");
}
