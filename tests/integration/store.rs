//! `cx.store()` in a running host: what survives a reload, and what plugins share.

use stackup_tests::{Host, Site};

fn manifest(mark: &str) -> String {
    format!("[run]\nplugin = \"tally\"\nconfig.mark = \"{mark}\"\n")
}

async fn text(host: &Host, path: &str) -> String {
    let response = host.get(path).await;
    assert_eq!(response.status(), 200, "{response}");
    response.text()
}

#[tokio::test]
async fn stored_values_survive_new_instances() {
    let site = Site::new(&manifest("a"), &["tally"]);
    let host = Host::start(&site).await;
    assert_eq!(text(&host, "/x").await, "a 1");
    assert_eq!(text(&host, "/x").await, "a 2");
    assert_eq!(text(&host, "/y").await, "a 1");
    site.manifest(&manifest("b"));
    host.reload("swapped").await;
    assert_eq!(text(&host, "/x").await, "b 3");
    // Everything is built again; the store is the host's.
    let said = site.stackup(&["reload", "--fresh"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(text(&host, "/x").await, "b 4");
}

#[tokio::test]
async fn namespaces_are_separate_unless_they_are_named() {
    let site = Site::new(
        "[run]\nplugin = \"tally\"\nconfig.namespace = \"shared\"\n\
         [[map]]\npath = \"/own\"\n[map.run]\nplugin = \"tally\"\n\
         [[map]]\npath = \"/bad\"\n[map.run]\nplugin = \"tally\"\nconfig.namespace = \"No Name\"\n",
        &["tally"],
    );
    let host = Host::start(&site).await;
    assert_eq!(text(&host, "/").await, " 1");
    assert_eq!(text(&host, "/own").await, " 1");
    assert_eq!(text(&host, "/").await, " 2");
    let refused = host.get("/bad").await;
    assert_eq!(refused.status(), 500, "{refused}");
    host.message("\"No Name\" is not allowed").await;
}

#[tokio::test]
async fn another_store_waits_for_a_restart() {
    let site = Site::new(&manifest("a"), &["tally"]);
    let host = Host::start(&site).await;
    assert_eq!(text(&host, "/").await, "a 1");
    site.manifest(&format!("{}[store]\nmemory = \"2MiB\"\n", manifest("a")));
    host.message("`[store]` has changed").await;
    assert_eq!(text(&host, "/").await, "a 2");
}
