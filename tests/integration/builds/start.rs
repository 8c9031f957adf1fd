//! What `stackup dev` begins with when there is nothing to begin with.

use rustix::process::{Signal, kill_process};
use stackup_tests::Workshop;
use stackup_tests::crates::{app, lib};

use super::{refused, serves};

#[tokio::test]
async fn a_first_build_that_fails_is_shown_until_it_is_mended() {
    let workshop = Workshop::new("run = \"hello\"\n", &["hello"]);
    workshop.save(&lib("hello"), &app("hello").replace("&'static str", "u8"));
    let host = workshop.develop().await;
    let reason = refused(&host, "build").await;
    assert!(reason.starts_with("error[E0308]"), "{reason}");
    for path in ["/", "/any/where?at=all"] {
        let response = host.get(path).await;
        assert_eq!(response.status(), 503, "{response}");
        assert_eq!(
            response.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        let text = response.text();
        assert!(
            text.starts_with(
                "503 Service Unavailable\n\nthere is no stack yet\n\nerror[E0308]: mismatched types"
            ),
            "{text}"
        );
    }
    let status = workshop.site.stackup(&["status"]).await;
    assert!(
        status.out.contains("there is no stack yet"),
        "{}",
        status.out
    );
    // Another mistake: what is shown is of now.
    workshop.save(&lib("hello"), "no rust at all");
    refused(&host, "build").await;
    let text = host.get("/").await.text().to_owned();
    assert!(text.contains("expected one of"), "{text}");
    workshop.save(&lib("hello"), &app("mended"));
    let record = serves(&host, "mended").await;
    assert_eq!(record.number("generation"), Some(1), "{record}");
}

#[tokio::test]
async fn a_plugin_that_is_not_there_yet_is_taken_up_when_it_is() {
    let workshop = Workshop::new("run = \"later\"\n", &["hello"]);
    let host = workshop.develop().await;
    let reason = refused(&host, "find").await;
    assert!(
        reason.contains("the plugin `later` is not there"),
        "{reason}"
    );
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
async fn a_script_that_fails_is_told_in_cargos_words() {
    let workshop = Workshop::new("run = \"hello\"\n", &["hello"]);
    workshop.save(
        "plugins/hello/build.rs",
        "fn main() {\n    panic!(\"no schema\");\n}\n",
    );
    let host = workshop.develop().await;
    let reason = refused(&host, "build").await;
    assert!(
        reason
            .starts_with("cargo could not build hello:\nerror: failed to run custom build command"),
        "{reason}"
    );
    assert!(reason.contains("no schema"), "{reason}");
    workshop.save("plugins/hello/build.rs", "fn main() {}\n");
    serves(&host, "hello").await;
}
