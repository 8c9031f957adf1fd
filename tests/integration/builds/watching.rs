//! What rustc read is watched, and nothing else.

use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use stackup_tests::Workshop;
use stackup_tests::crates::{app, lib};

use super::{answers, refused, serves};

const HELLO: &str = "run = \"hello\"\n";

#[tokio::test]
async fn ignored_and_hidden_files_that_rustc_names_are_watched() {
    let workshop = Workshop::new(HELLO, &["hello"]);
    workshop.save("plugins/hello/.gitignore", "gen.rs\n");
    workshop.save("plugins/hello/.env", "one");
    workshop.save(
        "plugins/hello/src/gen.rs",
        "pub const TEXT: &str = include_str!(\"../.env\");\n",
    );
    let code = app("hello").replace("\"hello\"", "r#gen::TEXT");
    workshop.save(
        &lib("hello"),
        &format!("#[path = \"gen.rs\"]\nmod r#gen;\n\n{code}"),
    );
    let host = workshop.develop().await;
    answers(&host, "one").await;
    workshop.save("plugins/hello/.env", "two");
    serves(&host, "two").await;
    workshop.save("plugins/hello/src/gen.rs", "no rust at all");
    refused(&host, "build").await;
    // The error names the file, though no build has read it to its end.
    workshop.save(
        "plugins/hello/src/gen.rs",
        "pub const TEXT: &str = \"three\";\n",
    );
    serves(&host, "three").await;
}

#[tokio::test]
async fn gitignore_above_the_site_that_ignores_all_hides_no_source() {
    let workshop = Workshop::new(HELLO, &["hello"]);
    workshop.save(".gitignore", "*\n");
    let host = workshop.develop().await;
    workshop.save(
        "plugins/hello/src/new.rs",
        "pub const TEXT: &str = \"new\";\n",
    );
    let code = app("hello").replace("\"hello\"", "new::TEXT");
    workshop.save(&lib("hello"), &format!("mod new;\n\n{code}"));
    serves(&host, "new").await;
}

#[tokio::test]
async fn link_out_of_a_crate_is_followed_only_for_what_rustc_reads() {
    let workshop = Workshop::new(HELLO, &["hello"]);
    let folder = workshop.site.path().join("plugins/hello");
    symlink("/usr", folder.join("result")).expect("a link");
    workshop.save("shared/words.rs", "pub const TEXT: &str = \"shared\";\n");
    symlink("../../../shared", folder.join("src/shared")).expect("a link");
    let code = app("hello").replace("\"hello\"", "words::TEXT");
    workshop.save(
        &lib("hello"),
        &format!("#[path = \"shared/words.rs\"]\nmod words;\n\n{code}"),
    );
    let host = workshop.develop().await;
    answers(&host, "shared").await;
    workshop.save("shared/words.rs", "pub const TEXT: &str = \"edited\";\n");
    serves(&host, "edited").await;
    let many = host
        .log()
        .seen(|record| record.message().contains("folders"));
    assert!(many.is_none(), "{many:?}");
}

#[tokio::test]
async fn older_content_with_its_older_time_is_a_save() {
    let workshop = Workshop::new(HELLO, &["hello"]);
    let host = workshop.develop().await;
    workshop.save("backup.rs", &app("restored"));
    let backup = workshop.site.path().join("backup.rs");
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let file = std::fs::File::options().write(true).open(&backup);
    file.and_then(|file| file.set_modified(an_hour_ago))
        .expect("a time");
    std::fs::rename(&backup, workshop.site.path().join(lib("hello"))).expect("a file");
    serves(&host, "restored").await;
}
