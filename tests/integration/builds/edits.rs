//! One save after the other.

use stackup_tests::Workshop;
use stackup_tests::cargo_site::{app, lib};
use stackup_tests::log::Record;

use super::{answers, refused, serves};

const HELLO: &str = "run = \"hello\"\n";

#[tokio::test]
async fn edit_is_served_and_broken_edit_is_refused_with_rustc_error() {
    let workshop = Workshop::new(HELLO, &["hello"]);
    let host = workshop.develop().await;
    answers(&host, "hello").await;
    workshop.save(&lib("hello"), &app("edited"));
    let record = serves(&host, "edited").await;
    let stages = record.text("stages");
    for stage in ["detect", "manifest", "sources", "cargo", "load", "swap"] {
        assert!(stages.contains(&format!("{stage} ")), "{stages}");
    }
    workshop.save(&lib("hello"), &app("broken").replace("&'static str", "u8"));
    refused(&host, "build").await;
    answers(&host, "edited").await;
    workshop.save(&lib("hello"), &app("mended"));
    serves(&host, "mended").await;
}

#[tokio::test]
async fn missing_module_and_included_file_are_watched() {
    let workshop = Workshop::new(HELLO, &["hello"]);
    let host = workshop.develop().await;
    let text = app("hello").replace("\"hello\"", "words::WORDS");
    workshop.save(&lib("hello"), &format!("mod words;\n\n{text}"));
    let reason = refused(&host, "build").await;
    assert!(
        reason.contains("file not found for module `words`"),
        "{reason}"
    );
    workshop.save(
        "plugins/hello/src/words.rs",
        "pub const WORDS: &str = include_str!(\"../../../pages/words.txt\");\n",
    );
    let reason = refused(&host, "build").await;
    assert!(reason.contains("couldn't read"), "{reason}");
    workshop.save("pages/words.txt", "far");
    serves(&host, "far").await;
    workshop.save("pages/words.txt", "further");
    serves(&host, "further").await;
}

#[tokio::test]
async fn edit_rebuilds_only_affected_plugins() {
    let manifest = "[[map]]\npath = \"/other\"\nrun = \"other\"\n\n[run]\nplugin = \"hello\"\n";
    let workshop = Workshop::new(manifest, &["hello", "other"]);
    let part = "part/src/lib.rs";
    workshop.save(
        "part/Cargo.toml",
        "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    workshop.save(part, "pub const WORDS: &str = \"part\";\n");
    for plugin in ["hello", "other"] {
        workshop.add(plugin, "part = { path = \"../../part\" }\n");
        let code = app(plugin).replace(&format!("{plugin:?}"), "part::WORDS");
        workshop.save(&lib(plugin), &code);
    }
    let host = workshop.develop().await;
    answers(&host, "part").await;
    workshop.save(part, "pub const WORDS: &str = \"another part\";\n");
    let record = serves(&host, "another part").await;
    assert!(record.text("instances").starts_with("built "), "{record}");
    workshop.save(&lib("hello"), &app("alone"));
    let record = serves(&host, "alone").await;
    assert!(record.text("instances").contains("kept other"), "{record}");
    assert_eq!(host.get("/other").await.text(), "another part");
}

#[tokio::test]
async fn removed_plugin_is_neither_built_nor_reported() {
    let both = "[[map]]\npath = \"/other\"\nrun = \"other\"\n\n[run]\nplugin = \"hello\"\n";
    let workshop = Workshop::new(both, &["hello", "other"]);
    let host = workshop.develop().await;
    let ran_cargo = |record: &Record| record.text("stages").contains("cargo ");
    workshop.save(&lib("other"), "no rust at all");
    refused(&host, "build").await;
    workshop.site.manifest(HELLO);
    serves(&host, "hello").await;
    workshop.save(&lib("other"), &app("mended"));
    workshop.site.manifest(both);
    let record = serves(&host, "hello").await;
    assert!(ran_cargo(&record), "{record}");
    assert_eq!(host.get("/other").await.text(), "mended");
    workshop.site.manifest(HELLO);
    let record = serves(&host, "hello").await;
    assert!(!ran_cargo(&record), "{record}");
    assert_eq!(host.get("/other").await.text(), "hello");
}

#[tokio::test]
async fn ignored_and_unrelated_files_trigger_no_build() {
    let workshop = Workshop::new(HELLO, &["hello"]);
    workshop.save("plugins/hello/.gitignore", "*.gen.rs\n");
    let host = workshop.develop().await;
    workshop.save("plugins/hello/src/all.gen.rs", "no rust at all");
    workshop.save("plugins/hello/visits.db", "3");
    workshop.save("target/debug/x.rs", "no rust at all");
    workshop.save("plugins/hello/src/.lib.rs.swp", "x");
    // What was saved before is seen no later.
    workshop.save(&lib("hello"), &app("seen"));
    let record = serves(&host, "seen").await;
    assert_eq!(
        record.number("number"),
        Some(1),
        "{record}\nthe log:\n{}",
        host.log()
    );
}

#[tokio::test]
async fn warning_is_reported_once_and_external_crate_is_built() {
    let elsewhere = Workshop::new("run = \"far\"\n", &["far"]);
    let path = elsewhere.site.path().join("plugins/far");
    let manifest = format!("[run]\nplugin = \"far\"\npath = {path:?}\n");
    let workshop = Workshop::new(&manifest, &["hello"]);
    let host = workshop.develop().await;
    answers(&host, "far").await;
    let text = format!("{}\nfn unused() {{}}\n", app("warned"));
    elsewhere.save(&lib("far"), &text);
    serves(&host, "warned").await;
    let warning = host.event("build-warning").await;
    let message = warning.message();
    assert!(
        message.starts_with("warning: function `unused` is never used"),
        "{message}"
    );
    elsewhere.save(&lib("far"), &text.replace("\"warned\"", "\"again!\""));
    serves(&host, "again!").await;
    let again = host.log().seen(|record| record.event() == "build-warning");
    assert!(again.is_none(), "{again:?}");
}
