use serde_json::{Value, json};
use stackup_tests::Host;

use super::{answers, ask, get};

const MANIFEST: &str = "\
use = [
  \"stamp\", # first
  { plugin = \"headers\", config = { set = { x-secret-token = \"c2VjcmV0\" }, append = { x-order = \"headers\" } } },
]
[[map]]
path = \"/below\"
use = [{ plugin = \"headers\", config = { request = { set = { x-down = \"1\" } } } }]
run = \"answers\"
[run]
plugin = \"answers\"
";

async fn api(host: &Host, path: &str) -> Value {
    let response = get(host, &format!("/_stackup/api/{path}"), &[]).await;
    assert_eq!(response.status(), 200, "{path}: {response}");
    serde_json::from_slice(&response.body).expect("JSON")
}

async fn post(host: &Host, path: &str, body: &Value) -> (u16, Value) {
    let origin = format!("origin: http://{}", host.address());
    let path = format!("/_stackup/api/{path}");
    let response = ask(host, "POST", &path, &[&origin], &body.to_string()).await;
    let value = serde_json::from_slice(&response.body).expect("JSON");
    (response.status(), value)
}

#[tokio::test]
async fn stack_api_has_config_without_secrets_and_positions() {
    let (_site, host) = answers(MANIFEST, &["stamp", "headers"]).await;
    get(&host, "/below", &[]).await;
    let stack = api(&host, "stack").await;
    let labels: Vec<_> = stack["generations"]["active"]["stack"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| line["label"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        labels,
        [
            "use stamp",
            "use headers",
            "map /below",
            "use headers",
            "run answers",
            "run answers"
        ]
    );
    let config = &stack["slots"][1]["config"];
    assert_eq!(config["set"]["x-secret-token"], "[hidden]");
    assert_eq!(config["append"]["x-order"], "headers");
    let calls = |slot: usize| stack["slots"][slot]["counts"]["calls"].as_u64();
    assert_eq!([0, 1, 2, 3, 4].map(calls), [1, 1, 1, 1, 0].map(Some));
    let level = json!({
        "level": "map.0", "label": "map /below", "run": "answers",
        "uses": [{ "plugin": "headers", "off": false }],
    });
    assert_eq!(stack["directives"][1], level);
    // The log's facts about the stack are there too.
    assert!(!api(&host, "log").await.to_string().contains("c2VjcmV0"));
}

#[tokio::test]
async fn request_api_has_each_layer_and_sent_response() {
    let (_site, host) = answers(MANIFEST, &["stamp", "headers"]).await;
    get(&host, "/below/x?body=a", &[]).await;
    let all = api(&host, "requests").await;
    assert_eq!(all.as_array().map(Vec::len), Some(1), "{all}");
    assert_eq!(all[0]["target"], "/below/x?body=a");
    let number = all[0]["number"].as_u64().expect("a number");
    let request = api(&host, &format!("requests/{number}")).await;
    let visits = request["visits"].as_array().expect("visits");
    let handlers: Vec<_> = visits.iter().map(|visit| &visit["handler"]).collect();
    assert_eq!(handlers, ["stamp", "headers", "headers", "answers"]);
    let has = |pairs: &Value, name: &str| {
        let mut pairs = pairs.as_array().expect("pairs").iter();
        pairs.any(|pair| pair[0] == name)
    };
    let down: Vec<_> = visits
        .iter()
        .map(|visit| has(&visit["request"], "x-down"))
        .collect();
    assert_eq!(down, [false, false, false, true]);
    let up: Vec<_> = visits
        .iter()
        .map(|visit| has(&visit["response"], "x-order"))
        .collect();
    assert_eq!(up, [true, true, false, false]);
    assert_eq!(visits[1]["path_info"], "/below/x");
    assert_eq!(visits[3]["script_name"], "/below");
    assert_eq!(visits[3]["path_info"], "/x");
    assert!(has(&request["response"], "server-timing"), "{request}");
    assert!(!has(&visits[0]["response"], "server-timing"), "{request}");
}

#[tokio::test]
async fn layer_move_and_switch_are_undone() {
    let (site, host) = answers(MANIFEST, &["stamp", "headers"]).await;
    let file = site.path().join("config.ru.toml");
    let text = || std::fs::read_to_string(&file).expect("a manifest");
    let edit = json!({ "level": "", "index": 1, "plugin": "headers", "move": 0 });
    assert_eq!(post(&host, "edit", &edit).await.0, 200);
    host.reload("swapped").await;
    assert!(text().find("headers").unwrap() < text().find("\"stamp\", # first").unwrap());
    let off = json!({ "level": "map.0", "index": 0, "plugin": "headers", "off": true });
    assert_eq!(post(&host, "edit", &off).await.0, 200);
    host.reload("swapped").await;
    let stack = api(&host, "stack").await;
    assert_eq!(stack["directives"][1]["uses"][0]["off"], true);
    assert_eq!(stack["undo"], true);

    // The manifest has changed since.
    let (status, said) = post(&host, "edit", &edit).await;
    assert_eq!(status, 409, "{said}");

    for _ in 0..2 {
        assert_eq!(post(&host, "undo", &json!({})).await.0, 200);
        host.reload("swapped").await;
    }
    assert_eq!(text(), MANIFEST);
    assert_eq!(post(&host, "undo", &json!({})).await.0, 409);
}

#[tokio::test]
async fn reloads_api_lists_newest_first() {
    let (site, host) = answers(MANIFEST, &["stamp", "headers"]).await;
    site.manifest("run = \"answers\"\n");
    host.reload("swapped").await;
    site.manifest("run = \"answers\"\nuze = 1\n");
    host.reload("refused").await;
    let all = api(&host, "reloads").await;
    assert_eq!(all[0]["outcome"], "refused");
    assert!(all[0]["error"].as_str().unwrap().contains("uze"), "{all}");
    let swapped = all
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["outcome"] == "swapped");
    let swapped = swapped.expect("a swap");
    assert_eq!(swapped["generation"], 2);
    assert!(
        swapped["changes"].to_string().contains("- use stamp"),
        "{all}"
    );
    assert!(!swapped["stages"].as_array().unwrap().is_empty());
}
