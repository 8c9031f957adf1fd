//! Files that a build writes into its own crate are no saves.

use stackup_tests::CargoSite;
use stackup_tests::cargo_site::{app, lib};

use super::{assert_answers, assert_serves};

fn site_with(script: &str) -> CargoSite {
    let site = CargoSite::new("run = \"hello\"\n", &["hello"]);
    site.save("plugins/hello/build.rs", script);
    let code = app("hello").replace("\"hello\"", "gen_::TEXT");
    site.save(
        &lib("hello"),
        &format!("#[path = \"gen.rs\"]\nmod gen_;\n\n{code}"),
    );
    site
}

#[tokio::test]
async fn build_script_that_writes_the_same_into_its_crate_causes_no_loop() {
    let site = site_with(
        "fn main() {\n    std::fs::write(\"src/gen.rs\", \"pub const TEXT: &str = \\\"generated\\\";\\n\").unwrap();\n}\n",
    );
    let host = site.develop().await;
    assert_answers(&host, "generated").await;
    site.save(&lib("hello"), &app("edited"));
    assert_serves(&host, "edited").await;
}

#[tokio::test]
async fn build_script_that_writes_other_content_each_time_is_reported_and_served() {
    let site = site_with(
        "use std::time::{SystemTime, UNIX_EPOCH};\n\nfn main() {\n    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();\n    \
         let text = format!(\"// {now}\\npub const TEXT: &str = \\\"generated\\\";\\n\");\n    std::fs::write(\"src/gen.rs\", text).unwrap();\n}\n",
    );
    let host = site.develop().await;
    let looped = host.event("build-loop").await;
    assert!(
        looped
            .message()
            .contains("plugins/hello/src/gen.rs` changes in every build"),
        "{looped}"
    );
    assert_answers(&host, "generated").await;
    site.save(&lib("hello"), &app("edited"));
    assert_serves(&host, "edited").await;
}
