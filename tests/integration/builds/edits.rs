//! Successive edits.

use stackup_tests::CargoSite;
use stackup_tests::cargo_site::{app, lib};
use stackup_tests::log::Record;

use super::{assert_answers, assert_serves, next_refusal};

const HELLO: &str = "run = \"hello\"\n";

#[tokio::test]
async fn edit_is_served_and_broken_edit_is_refused_with_rustc_error() {
    let cargo_site = CargoSite::new(HELLO, &["hello"]);
    let host = cargo_site.develop().await;
    assert_answers(&host, "hello").await;
    cargo_site.save(&lib("hello"), &app("edited"));
    let record = assert_serves(&host, "edited").await;
    let stages = record.text("stages");
    for stage in ["detect", "manifest", "sources", "cargo", "load", "swap"] {
        assert!(stages.contains(&format!("{stage} ")), "{stages}");
    }
    cargo_site.save(&lib("hello"), &app("broken").replace("&'static str", "u8"));
    next_refusal(&host, "build").await;
    assert_answers(&host, "edited").await;
    cargo_site.save(&lib("hello"), &app("fixed"));
    assert_serves(&host, "fixed").await;
}

#[tokio::test]
async fn missing_module_and_included_file_are_watched() {
    let cargo_site = CargoSite::new(HELLO, &["hello"]);
    let host = cargo_site.develop().await;
    let text = app("hello").replace("\"hello\"", "words::WORDS");
    cargo_site.save(&lib("hello"), &format!("mod words;\n\n{text}"));
    let reason = next_refusal(&host, "build").await;
    assert!(
        reason.contains("file not found for module `words`"),
        "{reason}"
    );
    cargo_site.save(
        "plugins/hello/src/words.rs",
        "pub const WORDS: &str = include_str!(\"../../../pages/words.txt\");\n",
    );
    let reason = next_refusal(&host, "build").await;
    assert!(reason.contains("couldn't read"), "{reason}");
    cargo_site.save("pages/words.txt", "far");
    assert_serves(&host, "far").await;
    cargo_site.save("pages/words.txt", "further");
    assert_serves(&host, "further").await;
}

#[tokio::test]
async fn edit_rebuilds_only_affected_plugins() {
    let manifest = "[[map]]\npath = \"/other\"\nrun = \"other\"\n\n[run]\nplugin = \"hello\"\n";
    let cargo_site = CargoSite::new(manifest, &["hello", "other"]);
    let part = "part/src/lib.rs";
    cargo_site.save(
        "part/Cargo.toml",
        "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    cargo_site.save(part, "pub const WORDS: &str = \"part\";\n");
    for plugin in ["hello", "other"] {
        cargo_site.add_crate(plugin, "part = { path = \"../../part\" }\n");
        let code = app(plugin).replace(&format!("{plugin:?}"), "part::WORDS");
        cargo_site.save(&lib(plugin), &code);
    }
    let host = cargo_site.develop().await;
    assert_answers(&host, "part").await;
    cargo_site.save(part, "pub const WORDS: &str = \"another part\";\n");
    let record = assert_serves(&host, "another part").await;
    assert!(record.text("instances").starts_with("built "), "{record}");
    cargo_site.save(&lib("hello"), &app("alone"));
    let record = assert_serves(&host, "alone").await;
    assert!(record.text("instances").contains("kept other"), "{record}");
    assert_eq!(host.get("/other").await.text(), "another part");
}

#[tokio::test]
async fn removed_plugin_is_neither_built_nor_reported() {
    let both = "[[map]]\npath = \"/other\"\nrun = \"other\"\n\n[run]\nplugin = \"hello\"\n";
    let cargo_site = CargoSite::new(both, &["hello", "other"]);
    let host = cargo_site.develop().await;
    let ran_cargo = |record: &Record| record.text("stages").contains("cargo ");
    cargo_site.save(&lib("other"), "no rust at all");
    next_refusal(&host, "build").await;
    cargo_site.site.manifest(HELLO);
    assert_serves(&host, "hello").await;
    cargo_site.save(&lib("other"), &app("fixed"));
    cargo_site.site.manifest(both);
    let record = assert_serves(&host, "hello").await;
    assert!(ran_cargo(&record), "{record}");
    assert_eq!(host.get("/other").await.text(), "fixed");
    cargo_site.site.manifest(HELLO);
    let record = assert_serves(&host, "hello").await;
    assert!(!ran_cargo(&record), "{record}");
    assert_eq!(host.get("/other").await.text(), "hello");
}

#[tokio::test]
async fn ignored_and_unrelated_files_trigger_no_build() {
    let cargo_site = CargoSite::new(HELLO, &["hello"]);
    cargo_site.save("plugins/hello/.gitignore", "*.gen.rs\n");
    let host = cargo_site.develop().await;
    cargo_site.save("plugins/hello/src/all.gen.rs", "no rust at all");
    cargo_site.save("plugins/hello/visits.db", "3");
    cargo_site.save("target/debug/x.rs", "no rust at all");
    cargo_site.save("plugins/hello/src/.lib.rs.swp", "x");
    // An earlier save would have been noticed by now.
    cargo_site.save(&lib("hello"), &app("seen"));
    let record = assert_serves(&host, "seen").await;
    assert_eq!(
        record.number("number"),
        Some(1),
        "{record}\nthe log:\n{}",
        host.log()
    );
}

#[tokio::test]
async fn warning_is_reported_once_and_external_crate_is_built() {
    let elsewhere = CargoSite::new("run = \"far\"\n", &["far"]);
    let path = elsewhere.site.path().join("plugins/far");
    let manifest = format!("[run]\nplugin = \"far\"\npath = {path:?}\n");
    let cargo_site = CargoSite::new(&manifest, &["hello"]);
    let host = cargo_site.develop().await;
    assert_answers(&host, "far").await;
    let text = format!("{}\nfn unused() {{}}\n", app("warned"));
    elsewhere.save(&lib("far"), &text);
    assert_serves(&host, "warned").await;
    let warning = host.event("build-warning").await;
    let message = warning.message();
    assert!(
        message.starts_with("warning: function `unused` is never used"),
        "{message}"
    );
    elsewhere.save(&lib("far"), &text.replace("\"warned\"", "\"again!\""));
    assert_serves(&host, "again!").await;
    let again = host
        .log()
        .try_take(|record| record.event() == "build-warning");
    assert!(again.is_none(), "{again:?}");
}

#[tokio::test]
async fn ignored_and_hidden_inputs_are_watched() {
    let site = CargoSite::new("run = \"hello\"\n", &["hello"]);
    // As in a home folder that is a git repository: all of the site is ignored.
    site.save(".gitignore", "*\n");
    site.save("plugins/hello/.gitignore", "gen.rs\n");
    site.save("plugins/hello/src/gen.rs", "\"one\"");
    site.save("plugins/hello/.env", "1");
    site.save(
        &lib("hello"),
        "async fn app() -> &'static str {\n    concat!(include!(\"gen.rs\"), \" \", include_str!(\"../.env\"))\n}\n\n\
         stackup_plugin::export!(app fn app);\n",
    );
    let host = site.develop().await;
    assert_eq!(host.get("/").await.text(), "one 1");
    site.save("plugins/hello/src/gen.rs", "\"two\"");
    assert_serves(&host, "two 1").await;
    site.save("plugins/hello/.env", "2");
    assert_serves(&host, "two 2").await;
}
