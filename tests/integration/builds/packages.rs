//! Packages are told apart by their ids: names, paths and target directories may be alike.

use std::path::Path;

use stackup_tests::crates::{app, lib};
use stackup_tests::{Host, Workshop};

use super::{answers, refused, serves};

/// `stackup dev` with this target directory.
async fn develop_in(workshop: &Workshop, target: &Path) -> Host {
    let mut host = workshop.launch_with(|command| {
        command.env("CARGO_TARGET_DIR", target);
    });
    host.ready().await;
    host
}

#[tokio::test]
async fn plugin_may_have_the_name_of_a_crate_in_the_graph() {
    let workshop = Workshop::new("use = []\nrun = \"bytes\"\n", &["bytes", "hello"]);
    let host = workshop.develop().await;
    answers(&host, "bytes").await;
    workshop.save(&lib("bytes"), &app("ours"));
    serves(&host, "ours").await;
}

#[tokio::test]
async fn sites_with_one_target_directory_serve_their_own_code() {
    let manifest = "run = \"hello\"\n";
    let (one, two) = (
        Workshop::new(manifest, &["hello"]),
        Workshop::new(manifest, &["hello"]),
    );
    let target = one.site.path().join("shared");
    std::fs::rename(one.target(), &target).expect("a target directory");
    // Of the same place in each workspace, so that cargo takes one for the other.
    for (workshop, text) in [(&one, "part one"), (&two, "part two")] {
        let part = "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        workshop.save("part/Cargo.toml", part);
        workshop.save(
            "part/src/lib.rs",
            &format!("pub const TEXT: &str = {text:?};\n"),
        );
        workshop.add("hello", "part = { path = \"../../part\" }\n");
        workshop.save(
            &lib("hello"),
            &app("hello").replace("\"hello\"", "part::TEXT"),
        );
    }
    let first = develop_in(&one, &target).await;
    answers(&first, "part one").await;
    let second = develop_in(&two, &target).await;
    answers(&second, "part two").await;
    let code = |text: &str| app("hello").replace("\"hello\"", &format!("concat!({text:?}, \"!\")"));
    one.save(&lib("hello"), &code("first"));
    serves(&first, "first!").await;
    answers(&second, "part two").await;
    two.save(&lib("hello"), &code("second"));
    serves(&second, "second!").await;
    answers(&first, "first!").await;
    // The part that is built in between is the other's.
    one.save(
        &lib("hello"),
        &app("hello").replace("\"hello\"", "part::TEXT"),
    );
    serves(&first, "part one").await;
}

#[tokio::test]
async fn one_name_may_stand_for_two_crates() {
    let (one, two) = (Workshop::new("", &["hello"]), Workshop::new("", &["hello"]));
    let path = |workshop: &Workshop| workshop.site.path().join("plugins/hello");
    one.save(&lib("hello"), &app("one"));
    two.save(&lib("hello"), &app("two"));
    let manifest = format!(
        "run = {{ plugin = \"hello\", path = {:?} }}\n[[map]]\npath = \"/two\"\nrun = {{ plugin = \"hello\", path = {:?} }}\n",
        path(&one),
        path(&two)
    );
    let site = Workshop::new(&manifest, &[]);
    let host = site.develop().await;
    answers(&host, "one").await;
    assert_eq!(host.get("/two").await.text(), "two");
    two.save(&lib("hello"), &app("edited"));
    serves(&host, "one").await;
    assert_eq!(host.get("/two").await.text(), "edited");
}

#[tokio::test]
async fn crates_that_build_one_library_are_refused() {
    let manifest = "run = \"hello\"\n[[map]]\npath = \"/other\"\nrun = \"other\"\n";
    let workshop = Workshop::new(manifest, &["hello", "other"]);
    workshop.add("other", "\n[lib]\nname = \"hello\"\n");
    let text = std::fs::read_to_string(workshop.site.path().join("plugins/other/Cargo.toml"));
    let text = text
        .expect("a file")
        .replace(
            "crate-type = [\"cdylib\"]\n",
            "crate-type = [\"cdylib\"]\nname = \"hello\"\n",
        )
        .replace("\n[lib]\nname = \"hello\"\n", "");
    workshop.save("plugins/other/Cargo.toml", &text);
    let host = workshop.develop().await;
    let reason = refused(&host, "build").await;
    assert!(
        reason.contains("build the same library `hello`"),
        "{reason}"
    );
    assert!(reason.contains("plugins/other"), "{reason}");
}

#[tokio::test]
async fn refusal_names_a_crate_outside_of_the_workspace() {
    let elsewhere = Workshop::new("", &["far"]);
    let folder = elsewhere.site.path().join("plugins/far");
    let manifest = format!("run = {{ plugin = \"shout\", path = {folder:?} }}\n");
    let site = Workshop::new(&manifest, &[]);
    elsewhere.save(&lib("far"), &app("far").replace("&'static str", "u8"));
    let host = site.develop().await;
    let reason = refused(&host, "build").await;
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
    let workshop = Workshop::new(manifest, &["hello", "other"]);
    let part = "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[features]\nloud = []\n";
    workshop.save("part/Cargo.toml", part);
    workshop.save(
        "part/src/lib.rs",
        "#[cfg(feature = \"loud\")]\npub mod loud {\n    pub const TEXT: &str = \"loud\";\n}\n",
    );
    workshop.add(
        "other",
        "part = { path = \"../../part\", features = [\"loud\"] }\n",
    );
    workshop.add("hello", "part = { path = \"../../part\" }\n");
    let code = app("hello").replace("\"hello\"", "part::loud::TEXT");
    workshop.save(&lib("hello"), &code);
    let host = workshop.develop().await;
    answers(&host, "loud").await;
    let warning = host.event("build-warning").await;
    let message = warning.message();
    assert!(
        message.contains("crate `hello`") && message.contains("feature `loud` of `part`"),
        "{message}"
    );
    let edited = code.replace("part::loud::TEXT", "concat!(\"still \", \"loud\")");
    workshop.save(&lib("hello"), &edited);
    serves(&host, "still loud").await;
}
