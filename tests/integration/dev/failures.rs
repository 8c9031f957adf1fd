use stackup_tests::{Host, Site};

use super::{answers, get};

const SECRET: [&str; 2] = ["authorization: Basic c2VjcmV0", "cookie: id=c2VjcmV0"];

async fn panics() -> (Site, Host) {
    let manifest = "[[map]]\npath = \"/app\"\nrun = \"panics\"\n";
    let site = Site::new(manifest, &["panics"]);
    let host = Host::develop(&site).await;
    (site, host)
}

#[tokio::test]
async fn person_with_a_browser_gets_a_page_with_what_where_and_the_request() {
    let (_site, host) = panics().await;
    let lines = [&["accept: text/html", "x-mine: <i>&"], &SECRET[..]].concat();
    let response = get(&host, "/app/call?q=%3Cb%3E", &lines).await;
    assert_eq!(response.status(), 500);
    assert_eq!(
        response.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let text = response.text();
    for part in [
        "panic in <code>panics</code>",
        "on purpose, in call",
        "tests/plugins/panics/src/lib.rs:",
        "GET /app/call?q=%3Cb%3E",
        "<th scope=\"row\">SCRIPT_NAME</th><td>/app</td>",
        "<th scope=\"row\">PATH_INFO</th><td>/call</td>",
        "<th scope=\"row\">HTTP_X_MINE</th><td>&lt;i&gt;&amp;</td>",
        "<th scope=\"row\">HTTP_COOKIE</th><td>[hidden]</td>",
        "href=\"/_stackup/#request=",
        // It goes away by itself when it is mended.
        "/_stackup/client.js",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("c2VjcmV0"), "{text}");
}

#[tokio::test]
async fn program_gets_json_and_a_terminal_text() {
    let (_site, host) = panics().await;
    let lines = [&["accept: application/json"], &SECRET[..]].concat();
    let response = get(&host, "/app/later", &lines).await;
    assert_eq!(response.header("content-type"), Some("application/json"));
    let value: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
    assert_eq!(value["status"], 500);
    assert_eq!(value["kind"], "panic");
    assert_eq!(value["handler"], "panics");
    assert_eq!(value["message"], "on purpose, after an await");
    assert_eq!(value["env"]["SCRIPT_NAME"], "/app");
    assert_eq!(value["env"]["HTTP_AUTHORIZATION"], "[hidden]");
    assert!(!response.text().contains("c2VjcmV0"), "{response}");

    let response = get(&host, "/app/call", &["accept: */*"]).await;
    let content_type = response.header("content-type");
    assert_eq!(content_type, Some("text/plain; charset=utf-8"));
    let text = response.text();
    assert!(text.contains("in `panics`"), "{text}");
    assert!(text.contains("on purpose, in call"), "{text}");
}

#[tokio::test]
async fn error_of_a_handler_is_told_likewise_with_what_else_is_wrong() {
    let (site, host) = answers("run = \"answers\"\n", &[]).await;
    site.manifest("run = \"answers\"\nuze = []\n");
    host.reload("refused").await;
    let response = get(&host, "/?fail=nothing%20works", &["accept: text/html"]).await;
    let text = response.text();
    assert!(text.contains("error in <code>answers</code>"), "{text}");
    assert!(text.contains("nothing works"), "{text}");
    assert!(text.contains("The last change is not served"), "{text}");
    assert!(text.contains("config.ru.toml:2:1"), "{text}");
}

#[tokio::test]
async fn without_an_inspector_nothing_leads_to_it() {
    let manifest = "run = \"answers\"\n[dev]\ninspector = false\n";
    let (_site, host) = answers(manifest, &[]).await;
    let response = get(&host, "/?fail=a", &["accept: text/html"]).await;
    assert!(!response.text().contains("#request="), "{response}");
}
