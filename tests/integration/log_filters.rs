//! `[log]`: what is logged, by handler and target.

use stackup_tests::{Host, Site};

const STACK: &str = r#"
[run]
plugin = "logs#first"
[[map]]
path = "/second"
run = "logs#second"
"#;

/// What a request logs, without the end.
async fn logged(host: &Host, path: &str, id: &str) -> Vec<String> {
    let res = host.get(&format!("{path}?{id}")).await;
    assert_eq!(res.status(), 200);
    host.message(&format!("logs {id}: end")).await;
    let (log, start) = (host.log().to_string(), format!("logs {id}: "));
    let lines = log.lines().filter_map(|line| line.split_once(&start));
    let lines = lines.map(|(_, rest)| rest.split('"').next().unwrap_or_default().to_owned());
    lines.filter(|line| line != "end").collect()
}

async fn filter(site: &Site, host: &Host, filters: &str) {
    site.manifest(&format!("{filters}{STACK}"));
    let swapped = host.reload("swapped").await;
    assert_eq!(swapped.text("instances"), "kept logs#second, logs#first");
}

#[tokio::test]
async fn log_is_filtered_by_handler_and_target_and_changes_with_a_reload() {
    let site = Site::new(STACK, &["logs"]);
    let host = Host::start(&site).await;
    let info = ["tracing info", "log info", "pool warn", "pool log warn"];
    assert_eq!(logged(&host, "/", "a1").await, info);
    assert_eq!(logged(&host, "/second", "a2").await, info);
    let of_pool = host.message("logs a1: pool warn").await;
    assert_eq!(of_pool.text("target"), "db::pool", "{of_pool}");

    let filters = "[log.handlers]\n\"logs#first\" = \"debug\"\n\
                   [log.targets]\ndb = \"off\"\n\"db::query\" = \"debug\"\n";
    filter(&site, &host, filters).await;
    let own = ["tracing debug", "tracing info", "log debug", "log info"];
    let query = ["query debug", "query log debug"];
    assert_eq!(logged(&host, "/", "b1").await, [&own[..], &query].concat());
    let second = [&info[..2], &query].concat();
    assert_eq!(logged(&host, "/second", "b2").await, second);

    filter(
        &site,
        &host,
        "[log]\nhandlers = { \"logs#first\" = \"error\" }\n",
    )
    .await;
    let nothing: [&str; 0] = [];
    assert_eq!(logged(&host, "/", "c1").await, nothing);
    assert_eq!(logged(&host, "/second", "c2").await, info);

    filter(&site, &host, "").await;
    assert_eq!(logged(&host, "/", "d1").await, info);
}

#[tokio::test]
async fn filters_hold_from_the_first_request_and_for_the_host_too() {
    let lines = "[limits]\nbody_bytes = 1\n[log.targets]\n\"stackup::serve::server\" = \"debug\"\n\
                 logs = \"warn\"\n";
    let site = Site::new(&format!("{lines}{STACK}"), &["logs"]);
    let host = Host::start(&site).await;
    let pool = ["pool warn", "pool log warn"];
    assert_eq!(logged(&host, "/", "a").await, pool);
    let mut connection = host.connect().await;
    assert_eq!(connection.post("/", b"two").await.status(), 413);
    // A client's error is logged at `debug`.
    assert_eq!(
        host.event("request-failed").await.number("status"),
        Some(413)
    );
}

#[tokio::test]
async fn filters_of_the_first_stack_may_show_more() {
    let lines = "[log.targets]\n\"db::query\" = \"debug\"\n";
    let site = Site::new(&format!("{lines}{STACK}"), &["logs"]);
    let host = Host::start(&site).await;
    let query = ["query debug", "query log debug"];
    let info = ["tracing info", "log info", "pool warn", "pool log warn"];
    assert_eq!(logged(&host, "/", "a").await, [&info[..], &query].concat());
}
