//! Builds identify packages by id: two may share a name, a path ending or a target directory.

use std::path::Path;

use stackup_tests::cargo_site::{app, lib};
use stackup_tests::{CargoSite, Host};

use super::{assert_answers, assert_serves, next_refusal};

/// `stackup dev` with this target directory.
async fn develop_in(site: &CargoSite, target: &Path) -> Host {
    let mut host = site.launch_with(|command| {
        command.env("CARGO_TARGET_DIR", target);
    });
    host.ready().await;
    host
}

#[tokio::test]
async fn plugin_may_have_the_name_of_a_crate_in_the_graph() {
    let site = CargoSite::new("use = []\nrun = \"bytes\"\n", &["bytes", "hello"]);
    let host = site.develop().await;
    assert_answers(&host, "bytes").await;
    site.save(&lib("bytes"), &app("ours"));
    assert_serves(&host, "ours").await;
}

#[tokio::test]
async fn sites_with_one_target_directory_serve_their_own_code() {
    let manifest = "run = \"hello\"\n";
    let (one, two) = (
        CargoSite::new(manifest, &["hello"]),
        CargoSite::new(manifest, &["hello"]),
    );
    let target = one.site.path().join("shared");
    std::fs::rename(one.target(), &target).expect("a target directory");
    // Of the same place in each workspace, so that cargo takes one for the other.
    for (site, text) in [(&one, "part one"), (&two, "part two")] {
        let part = "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        site.save("part/Cargo.toml", part);
        site.save(
            "part/src/lib.rs",
            &format!("pub const TEXT: &str = {text:?};\n"),
        );
        site.add_crate("hello", "part = { path = \"../../part\" }\n");
        site.save(
            &lib("hello"),
            &app("hello").replace("\"hello\"", "part::TEXT"),
        );
    }
    let first = develop_in(&one, &target).await;
    assert_answers(&first, "part one").await;
    let second = develop_in(&two, &target).await;
    assert_answers(&second, "part two").await;
    let code = |text: &str| app("hello").replace("\"hello\"", &format!("concat!({text:?}, \"!\")"));
    one.save(&lib("hello"), &code("first"));
    assert_serves(&first, "first!").await;
    assert_answers(&second, "part two").await;
    two.save(&lib("hello"), &code("second"));
    assert_serves(&second, "second!").await;
    assert_answers(&first, "first!").await;
    // The part that is built in between is the other's.
    one.save(
        &lib("hello"),
        &app("hello").replace("\"hello\"", "part::TEXT"),
    );
    assert_serves(&first, "part one").await;
}

/// Cargo would start from the folder in which stackup runs it.
#[tokio::test]
async fn relative_target_directory_starts_where_stackup_was_started() {
    let site = CargoSite::new("run = \"hello\"\n", &["hello"]);
    let folder = site.site.path().join("started/here");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::rename(site.target(), folder.join("made")).expect("a target directory");
    let mut host = site.launch_with(|command| {
        command.current_dir(&folder).env("CARGO_TARGET_DIR", "made");
    });
    host.ready().await;
    assert_answers(&host, "hello").await;
    site.save(&lib("hello"), &app("edited"));
    assert_serves(&host, "edited").await;
    assert!(folder.join("made/debug/libhello.so").exists());
    for other in ["made", "plugins/hello/made"] {
        assert!(!site.site.path().join(other).exists(), "{other}");
    }
}

#[tokio::test]
async fn plugins_are_built_in_the_named_profile() {
    let site = CargoSite::new("run = \"hello\"\n", &["hello"]);
    let mut host = site.launch_with(|command| {
        command.args(["--profile", "fast"]);
    });
    // cargo's own message.
    let reason = next_refusal(&host, "build").await;
    assert!(reason.contains("profile `fast` is not defined"), "{reason}");
    let manifest = site.site.path().join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let fast = "\n[profile.fast]\ninherits = \"dev\"\n";
    site.save("Cargo.toml", &format!("{text}{fast}"));
    host.ready().await;
    assert_serves(&host, "hello").await;
    assert!(site.target().join("fast/libhello.so").exists());
}

#[tokio::test]
async fn one_name_may_stand_for_two_crates() {
    let (one, two) = (
        CargoSite::new("", &["hello"]),
        CargoSite::new("", &["hello"]),
    );
    let path = |site: &CargoSite| site.site.path().join("plugins/hello");
    one.save(&lib("hello"), &app("one"));
    two.save(&lib("hello"), &app("two"));
    let manifest = format!(
        "run = {{ plugin = \"hello\", path = {:?} }}\n[[map]]\npath = \"/two\"\nrun = {{ plugin = \"hello\", path = {:?} }}\n",
        path(&one),
        path(&two)
    );
    let site = CargoSite::new(&manifest, &[]);
    let host = site.develop().await;
    assert_answers(&host, "one").await;
    assert_eq!(host.get("/two").await.text(), "two");
    two.save(&lib("hello"), &app("edited"));
    assert_serves(&host, "one").await;
    assert_eq!(host.get("/two").await.text(), "edited");
}

#[tokio::test]
async fn crates_that_build_one_library_are_refused() {
    let manifest = "run = \"hello\"\n[[map]]\npath = \"/other\"\nrun = \"other\"\n";
    let site = CargoSite::new(manifest, &["hello", "other"]);
    site.add_crate("other", "\n[lib]\nname = \"hello\"\n");
    let text = std::fs::read_to_string(site.site.path().join("plugins/other/Cargo.toml"));
    let text = text
        .expect("a file")
        .replace(
            "crate-type = [\"cdylib\"]\n",
            "crate-type = [\"cdylib\"]\nname = \"hello\"\n",
        )
        .replace("\n[lib]\nname = \"hello\"\n", "");
    site.save("plugins/other/Cargo.toml", &text);
    let host = site.develop().await;
    let reason = next_refusal(&host, "build").await;
    assert!(
        reason.contains("build the same library `hello`"),
        "{reason}"
    );
    assert!(reason.contains("plugins/other"), "{reason}");
}

#[tokio::test]
async fn refusal_names_a_crate_outside_of_the_workspace() {
    let elsewhere = CargoSite::new("", &["far"]);
    let folder = elsewhere.site.path().join("plugins/far");
    let manifest = format!("run = {{ plugin = \"shout\", path = {folder:?} }}\n");
    let site = CargoSite::new(&manifest, &[]);
    elsewhere.save(&lib("far"), &app("far").replace("&'static str", "u8"));
    let host = site.develop().await;
    let reason = next_refusal(&host, "build").await;
    let place = folder
        .canonicalize()
        .expect("a folder")
        .join("src/lib.rs:2:5");
    assert!(reason.contains(&place.display().to_string()), "{reason}");
    assert!(reason.contains("in the crate `far`"), "{reason}");
}

#[tokio::test]
async fn features_of_neighbours_are_the_same_for_each_save_and_warned_of() {
    let manifest = "run = \"hello\"\n[[map]]\npath = \"/other\"\nrun = \"other\"\n";
    let site = CargoSite::new(manifest, &["hello", "other"]);
    let part = "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[features]\nloud = []\n";
    site.save("part/Cargo.toml", part);
    site.save(
        "part/src/lib.rs",
        "#[cfg(feature = \"loud\")]\npub mod loud {\n    pub const TEXT: &str = \"loud\";\n    \
         pub const AGAIN: &str = \"still loud\";\n}\n",
    );
    site.add_crate(
        "other",
        "part = { path = \"../../part\", features = [\"loud\"] }\n",
    );
    site.add_crate("hello", "part = { path = \"../../part\" }\n");
    let code = app("hello").replace("\"hello\"", "part::loud::TEXT");
    site.save(&lib("hello"), &code);
    let host = site.develop().await;
    assert_answers(&host, "loud").await;
    let warning = host.event("build-warning").await;
    let message = warning.message();
    assert!(
        message.contains("crate `hello`") && message.contains("feature `loud` of `part`"),
        "{message}"
    );
    // Alone, the crate would not build.
    site.save(&lib("hello"), &code.replace("TEXT", "AGAIN"));
    assert_serves(&host, "still loud").await;
}
