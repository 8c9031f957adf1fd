//! Files that a build writes into its own crate are no saves.

use stackup_tests::Workshop;
use stackup_tests::crates::{app, lib};

use super::{answers, serves};

fn workshop(script: &str) -> Workshop {
    let workshop = Workshop::new("run = \"hello\"\n", &["hello"]);
    workshop.save("plugins/hello/build.rs", script);
    let code = app("hello").replace("\"hello\"", "gen_::TEXT");
    workshop.save(
        &lib("hello"),
        &format!("#[path = \"gen.rs\"]\nmod gen_;\n\n{code}"),
    );
    workshop
}

#[tokio::test]
async fn build_script_that_writes_the_same_into_its_crate_causes_no_loop() {
    let workshop = workshop(
        "fn main() {\n    std::fs::write(\"src/gen.rs\", \"pub const TEXT: &str = \\\"generated\\\";\\n\").unwrap();\n}\n",
    );
    let host = workshop.develop().await;
    answers(&host, "generated").await;
    workshop.save(&lib("hello"), &app("edited"));
    serves(&host, "edited").await;
}

#[tokio::test]
async fn build_script_that_writes_other_content_each_time_is_reported_and_served() {
    let workshop = workshop(
        "use std::time::{SystemTime, UNIX_EPOCH};\n\nfn main() {\n    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();\n    \
         let text = format!(\"// {now}\\npub const TEXT: &str = \\\"generated\\\";\\n\");\n    std::fs::write(\"src/gen.rs\", text).unwrap();\n}\n",
    );
    let host = workshop.develop().await;
    let looped = host.event("build-loop").await;
    assert!(
        looped
            .message()
            .contains("plugins/hello/src/gen.rs` changes in every build"),
        "{looped}"
    );
    answers(&host, "generated").await;
    workshop.save(&lib("hello"), &app("edited"));
    serves(&host, "edited").await;
}
