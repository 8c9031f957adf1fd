//! What rustc read is watched, and nothing else.

use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use stackup_tests::CargoSite;
use stackup_tests::cargo_site::{app, lib};

use super::{assert_answers, assert_serves, next_refusal};

const HELLO: &str = "run = \"hello\"\n";

#[tokio::test]
async fn ignored_and_hidden_files_that_rustc_names_are_watched() {
    let site = CargoSite::new(HELLO, &["hello"]);
    site.save("plugins/hello/.gitignore", "gen.rs\n");
    site.save("plugins/hello/.env", "one");
    site.save(
        "plugins/hello/src/gen.rs",
        "pub const TEXT: &str = include_str!(\"../.env\");\n",
    );
    let code = app("hello").replace("\"hello\"", "r#gen::TEXT");
    site.save(
        &lib("hello"),
        &format!("#[path = \"gen.rs\"]\nmod r#gen;\n\n{code}"),
    );
    let host = site.develop().await;
    assert_answers(&host, "one").await;
    site.save("plugins/hello/.env", "two");
    assert_serves(&host, "two").await;
    site.save("plugins/hello/src/gen.rs", "no rust at all");
    next_refusal(&host, "build").await;
    // The error names the file, though no build has read it to its end.
    site.save(
        "plugins/hello/src/gen.rs",
        "pub const TEXT: &str = \"three\";\n",
    );
    assert_serves(&host, "three").await;
}

#[tokio::test]
async fn gitignore_above_the_site_that_ignores_all_hides_no_source() {
    let site = CargoSite::new(HELLO, &["hello"]);
    site.save(".gitignore", "*\n");
    // No dep-info names a file that is new: only the watch of the folder notices it.
    site.save("plugins/hello/pages/one", "");
    site.save(
        "plugins/hello/build.rs",
        "fn main() {\n    let pages = std::fs::read_dir(\"pages\").unwrap().count();\n    \
         println!(\"cargo::rustc-env=PAGES={pages}\");\n}\n",
    );
    let code = app("hello").replace("\"hello\"", "env!(\"PAGES\")");
    site.save(&lib("hello"), &code);
    let host = site.develop().await;
    assert_answers(&host, "1").await;
    site.save("plugins/hello/pages/two", "");
    assert_serves(&host, "2").await;
}

#[tokio::test]
async fn link_out_of_a_crate_is_followed_only_for_what_rustc_reads() {
    let site = CargoSite::new(HELLO, &["hello"]);
    let folder = site.site.path().join("plugins/hello");
    symlink("/usr", folder.join("result")).expect("a link");
    site.save("shared/words.rs", "pub const TEXT: &str = \"shared\";\n");
    symlink("../../../shared", folder.join("src/shared")).expect("a link");
    let code = app("hello").replace("\"hello\"", "words::TEXT");
    site.save(
        &lib("hello"),
        &format!("#[path = \"shared/words.rs\"]\nmod words;\n\n{code}"),
    );
    let host = site.develop().await;
    assert_answers(&host, "shared").await;
    site.save("shared/words.rs", "pub const TEXT: &str = \"edited\";\n");
    assert_serves(&host, "edited").await;
    let many = host
        .log()
        .try_take(|record| record.message().contains("folders"));
    assert!(many.is_none(), "{many:?}");
}

#[tokio::test]
async fn crate_is_the_same_by_each_link_to_it() {
    let crates = CargoSite::new("", &["hello"]);
    let manifest = "run = { plugin = \"hello\", path = \"one/hello\" }\n\
                    [[map]]\npath = \"/two\"\nrun = { plugin = \"hello\", path = \"two/hello\" }\n";
    let site = CargoSite::new(manifest, &[]);
    for link in ["one", "two"] {
        let folder = crates.site.path().join("plugins");
        symlink(folder, site.site.path().join(link)).expect("a link");
    }
    let host = site.develop().await;
    assert_answers(&host, "hello").await;
    assert_eq!(host.get("/two").await.text(), "hello");
    for link in ["one", "two"] {
        site.save(&format!("{link}/hello/src/lib.rs"), &app(link));
        assert_serves(&host, link).await;
        assert_eq!(host.get("/two").await.text(), link);
    }
}

#[tokio::test]
async fn older_content_with_its_older_time_is_a_save() {
    let site = CargoSite::new(HELLO, &["hello"]);
    let host = site.develop().await;
    site.save("backup.rs", &app("restored"));
    let backup = site.site.path().join("backup.rs");
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let file = std::fs::File::options().write(true).open(&backup);
    file.and_then(|file| file.set_modified(an_hour_ago))
        .expect("a time");
    std::fs::rename(&backup, site.site.path().join(lib("hello"))).expect("a file");
    assert_serves(&host, "restored").await;
}
