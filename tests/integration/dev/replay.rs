use serde_json::Value;
use stackup_tests::log::Record;
use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::{Gate, Host, Site, artifacts};

use super::{answers, ask, get};

/// `answers` below a layer that adds `x-a` to its responses and `x-down` to its requests.
const WITH_HEADERS: &str = "\
use = [{ plugin = \"headers\", config = { set = { x-a = \"1\" }, request = { set = { x-down = \"1\" } } } }]
run = \"answers\"
";

/// What the replay before this generation has found.
async fn replay(host: &Host, generation: u64) -> Record {
    let is_it = |record: &Record| {
        record.event() == "replay" && record.number("generation") == Some(generation)
    };
    let what = format!("replay before generation {generation}");
    host.log().take(&what, is_it).await
}

/// Replaces the manifest and waits for the swap.
async fn swap(site: &Site, host: &Host, manifest: &str) -> Record {
    site.manifest(manifest);
    host.reload("swapped").await
}

async fn api(host: &Host, path: &str) -> Value {
    let response = get(host, &format!("/_stackup/api/{path}"), &[]).await;
    assert_eq!(response.status(), 200, "{path}: {response}");
    serde_json::from_slice(&response.body).expect("JSON")
}

/// How often `tally` has been asked for this path, which this asks once more.
async fn count(host: &Host, path: &str) -> u64 {
    let text = host.get(path).await.text();
    let (_, count) = text.rsplit_once(' ').expect("a count");
    count.parse().expect("a number")
}

#[tokio::test]
async fn report_names_the_answers_that_an_edit_changes() {
    let (site, host) = answers("run = \"answers\"\n", &["headers"]).await;
    get(&host, "/?body=a", &["cookie: sid=abc"]).await;
    get(
        &host,
        "/?env=stackup.replay&env=HTTP_X_DOWN&env=HTTP_COOKIE",
        &["cookie: sid=abc"],
    )
    .await;
    swap(&site, &host, WITH_HEADERS).await;
    let report = replay(&host, 2).await;
    assert_eq!(report.number("compared"), Some(2), "{report}");
    let target = "/?env=stackup.replay&env=HTTP_X_DOWN&env=HTTP_COOKIE";
    let message = format!(
        "2 of 2 answers differ: GET {target} header x-a + and body −1 +1 line, GET /?body=a header x-a +"
    );
    assert_eq!(report.message(), message);

    let all = api(&host, "replays").await;
    assert_eq!(all[0]["generation"], 2, "{all}");
    assert_eq!(all[0]["before"], 1, "{all}");
    let first = &all[0]["differing"][0];
    assert_eq!(first["target"], target, "{all}");
    assert_eq!(first["headers"][0]["mark"], "+", "{all}");
    assert_eq!(first["headers"][0]["after"][0], "1", "{all}");
    let diff = api(&host, "replays/2/0").await;
    let diff = diff["diff"].as_str().expect("a diff");
    // A handler can tell such a request; its client's fields are all there.
    let lines = " stackup.replay=1\n-HTTP_X_DOWN=-\n+HTTP_X_DOWN=1\n HTTP_COOKIE=[hidden]\n";
    assert!(diff.ends_with(lines), "{diff}");

    // The user's own requests are two.
    let requests = api(&host, "requests").await;
    assert_eq!(requests.as_array().map(Vec::len), Some(2), "{requests}");
    assert_eq!(api(&host, "stack").await["slots"][0]["counts"]["calls"], 0);
}

#[tokio::test]
async fn what_differs_between_answers_of_old_code_is_left_out() {
    // Each answer has another count.
    let run = |mark: &str| format!("[run]\nplugin = \"tally\"\nconfig = {{ mark = \"{mark}\" }}\n");
    let site = Site::new(&run("a"), &["tally", "headers"]);
    let host = Host::develop(&site).await;
    assert_eq!(count(&host, "/x").await, 1);
    swap(&site, &host, &run("b")).await;
    let report = replay(&host, 2).await;
    assert_eq!(report.text("differences"), "GET /x body −1 +1 line");
    let diff = api(&host, "replays/2/0").await;
    assert_eq!(diff["diff"], "@@ -1 +1 @@\n-a …\n+b …\n");
    // The old code twice, the new code once.
    assert_eq!(count(&host, "/x").await, 5);

    let header = "use = [{ plugin = \"headers\", config = { set = { x-a = \"1\" } } }]\n";
    swap(&site, &host, &format!("{header}{}", run("b"))).await;
    let report = replay(&host, 3).await;
    assert_eq!(report.text("differences"), "GET /x header x-a +");
}

#[tokio::test]
async fn only_safe_requests_are_played() {
    let run = |mark: &str, dev: &str| {
        format!("[run]\nplugin = \"tally\"\nconfig = {{ mark = \"{mark}\" }}\n{dev}")
    };
    let site = Site::new(&run("a", ""), &["tally"]);
    let host = Host::develop(&site).await;
    ask(&host, "POST", "/post", &[], "").await;
    ask(&host, "GET", "/body", &[], "text").await;
    ask(&host, "GET", "/stream", &["accept: text/event-stream"], "").await;
    ask(&host, "GET", "/reset?token=abc", &[], "").await;
    count(&host, "/x").await;
    swap(&site, &host, &run("b", "")).await;
    let report = replay(&host, 2).await;
    assert_eq!(
        report.text("differences"),
        "GET /x body −1 +1 line",
        "{report}"
    );
    for path in ["/post", "/body", "/stream", "/reset"] {
        assert_eq!(count(&host, path).await, 2, "{path}");
    }
    // Off by the manifest.
    let counted = count(&host, "/x").await;
    for off in ["replay = false", "inspector = false"] {
        swap(&site, &host, &run("c", &format!("[dev]\n{off}\n"))).await;
        swap(&site, &host, &run("d", &format!("[dev]\n{off}\n"))).await;
    }
    assert_eq!(count(&host, "/x").await, counted + 1);
}

#[tokio::test]
async fn new_code_without_an_answer_delays_no_swap() {
    let (site, host) = answers("run = \"answers\"\n", &["blocks"]).await;
    let gate = Gate::close(&site);
    get(&host, "/wait/3600000", &[]).await;
    get(&host, "/call/gate", &[]).await;
    // It blocks its thread until the gate opens, which happens after the swap.
    let swapped = swap(&site, &host, "run = \"blocks\"\n").await;
    let stages = swapped.text("stages").split(", ");
    let waited = stages
        .filter_map(|stage| stage.strip_prefix("replay "))
        .next();
    let waited: f64 = waited.expect("a stage").parse().expect("milliseconds");
    // Far less than a replay takes that nothing ends.
    assert!(waited < 1500.0, "{swapped}");
    let report = replay(&host, 2).await;
    let why = "GET /call/gate 200 → no answer within 2.5s: it blocks its thread";
    assert_eq!(report.text("differences"), why);
    assert_eq!(report.number("left_out"), Some(1), "{report}");
    // The old generation ends although the new code has not returned.
    host.event("drained").await;
    gate.open();
    let said = host.get("/").await;
    assert_eq!(said.text(), "slept\n");
}

#[tokio::test]
async fn next_swap_ends_a_replay() {
    let (site, host) = answers("run = \"answers\"\n", &["blocks"]).await;
    get(&host, "/wait/3600000", &[]).await;
    swap(&site, &host, "run = \"blocks\"\n").await;
    swap(&site, &host, "run = \"answers\"\n").await;
    let report = host.event("replay").await;
    assert_eq!(report.number("generation"), Some(3), "{report}");
    let why = "GET /wait/3600000 no answer within 2s → 200";
    assert_eq!(report.text("differences"), why);
}

#[tokio::test]
async fn panic_in_a_replay_takes_no_handler_out_of_service() {
    let closed = "use = [{ plugin = \"maintenance\", config = { enabled = true } }]\n";
    let run = "run = \"panics\"\n[failures]\npanics = 1\n";
    let site = Site::new(&format!("{closed}{run}"), &["panics", "maintenance"]);
    let host = Host::develop(&site).await;
    assert_eq!(host.get("/call").await.status(), 503);
    // The same instance of `panics`, which its clients reach from now on.
    swap(&site, &host, run).await;
    let report = replay(&host, 2).await;
    let differences = report.text("differences");
    let expected = "GET /call 503 → 500 (panics: panicked: on purpose, in call (at ";
    assert!(differences.starts_with(expected), "{differences}");
    assert_eq!(host.get("/").await.text(), "calm\n");
}

#[tokio::test]
async fn crash_in_a_replay_refuses_the_new_code() {
    let faulty = |code: u64, fault: &str| {
        let library = read(artifacts::plugin("faulty"));
        let code = format!("stackup-faulty-code-{code:08}");
        let library = patched(&library, "stackup-faulty-code-00000000", &code);
        let fault = format!("stackup-faulty-fault-{fault}@00000000");
        patched(&library, "stackup-faulty-fault-none@00000000", &fault)
    };
    let site = Site::new("run = \"faulty\"\n", &[]);
    site.library("faulty", &faulty(1, "none"));
    let host = Host::develop(&site).await;
    assert_eq!(host.get("/fault").await.status(), 200);
    site.library("faulty", &faulty(2, "segv"));
    let crash = host.event("crash").await;
    let blamed = "`faulty` of generation 2 crashed the worker";
    assert!(crash.message().contains(blamed), "{crash}");
    assert!(
        crash.to_string().contains("\"rolled_back\":true"),
        "{crash}"
    );
    host.next_worker().await;
    // No client has met the new code, and none does.
    let refused = host.reload("refused").await;
    assert!(refused.text("error").contains("rolled back"), "{refused}");
    let said = host.get("/").await.text();
    assert!(said.starts_with("stackup-faulty-code-00000001"), "{said}");
    site.library("faulty", &faulty(3, "none"));
    host.reload("swapped").await;
}
