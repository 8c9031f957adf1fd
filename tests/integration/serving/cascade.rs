//! Cascades: stacks tried in order.

use stackup_tests::http::Response;
use stackup_tests::{Host, Site};

/// Serves a cascade of these entries.
async fn cascade(entries: &str) -> (Site, Host) {
    let manifest = format!("cascade = [{entries}]\n[limits]\ndrain_timeout = \"300ms\"\n");
    let plugins = ["answers", "config", "probe", "respond", "stamp"];
    let site = Site::new(&manifest, &plugins);
    let host = Host::start_in("development", &site).await;
    (site, host)
}

/// An entry that always responds with this status.
fn answer(status: u16, more: &str) -> String {
    format!(
        "{{ {more} run = {{ plugin = \"respond\", config = {{ status = {status}, body = \"{status}\" }} }} }}"
    )
}

fn shown(res: &Response) -> (u16, String) {
    (res.status(), res.text().to_string())
}

#[tokio::test]
async fn first_uncaught_status_answers() {
    let entries = [
        answer(404, ""),
        answer(405, "catch = [405],"),
        answer(410, "catch = [404, 410],"),
        "\"answers\"".to_owned(),
        answer(200, ""),
    ];
    let (_site, host) = cascade(&entries.join(", ")).await;
    let mut connection = host.connect().await;
    assert_eq!(
        shown(&connection.get("/?body=a").await),
        (200, "a".to_owned())
    );
    let other = connection.get("/?status=410&body=b").await;
    assert_eq!(
        shown(&other),
        (410, "b".to_owned()),
        "not what another one catches"
    );
    assert_eq!(
        shown(&connection.get("/?status=405").await),
        (200, "200".to_owned())
    );
    // An error counts by its status.
    assert_eq!(shown(&connection.get("/?status=404&fail=no").await).0, 200);
    assert_eq!(shown(&connection.get("/?status=409&fail=no").await).0, 409);
    assert_eq!(shown(&connection.get("/?panic=oh").await).0, 500);
}

#[tokio::test]
async fn last_branch_answers_and_empty_cascade_is_404() {
    let (_site, host) = cascade(&[answer(405, ""), answer(404, "")].join(", ")).await;
    assert_eq!(shown(&host.get("/").await), (404, "404".to_owned()));
    let (_site, host) = cascade("{ only = [\"production\"], run = \"answers\" }").await;
    let none = host.get("/").await;
    assert_eq!(shown(&none), (404, String::new()));
    assert_eq!(none.header("content-length"), Some("0"));
}

#[tokio::test]
async fn each_branch_gets_original_request() {
    let marks = "use = [{ plugin = \"config\", config = { env = { mark = \"first\" }, headers = { x-mark = \"first\" } } }],";
    let map = format!(
        "{{ map = [{{ path = \"/a\", run = {} }}] }}",
        "{ plugin = \"respond\", config = { status = 404 } }"
    );
    let (_site, host) =
        cascade(&[answer(404, marks), map, "\"answers\"".to_owned()].join(", ")).await;
    let mut connection = host.connect().await;
    let res = connection.post("/a/b?show=env", b"the body").await;
    let text = res.text();
    assert!(
        text.ends_with("\n\nthe body"),
        "unread, it is handed on: {text}"
    );
    assert!(
        text.contains("PATH_INFO=/a/b\n") && text.contains("SCRIPT_NAME=\n"),
        "{text}"
    );
    assert!(
        text.contains("QUERY_STRING=show=env\n") && text.contains("CONTENT_LENGTH=8\n"),
        "{text}"
    );
    assert!(!text.contains("first"), "{text}");
}

#[tokio::test]
async fn body_read_by_branch_is_gone() {
    let (_site, host) = cascade("\"answers\", \"answers\"").await;
    let res = host
        .connect()
        .await
        .post("/?show=env&status=404", b"the body")
        .await;
    assert_eq!(res.status(), 500);
    assert!(res.text().contains("the body is gone"), "{}", res.text());
    // Nothing reads the body, so the connection closes.
    let res = host
        .connect()
        .await
        .post("/?body=x&status=404", b"the body")
        .await;
    assert_eq!(shown(&res), (404, "x".to_owned()));
    assert_eq!(host.get("/?show=env&status=404").await.status(), 404);
}

#[tokio::test]
async fn cascade_instances_are_kept_and_requests_are_registered() {
    let stamp = |mark: &str| {
        format!(
            "{{ use = [{{ plugin = \"stamp\", config = {{ mark = \"{mark}\" }} }}], run = \"probe\" }}"
        )
    };
    let manifest = |entries: &[String]| {
        format!(
            "cascade = [{}]\n[limits]\ndrain_timeout = \"300ms\"\n",
            entries.join(", ")
        )
    };
    let (site, host) = cascade(&answer(404, "")).await;
    let one = [answer(404, ""), stamp("a")];
    site.manifest(&manifest(&one));
    let swapped = host.reload("swapped").await;
    assert_eq!(
        swapped.text("instances"),
        "kept respond; built stamp, probe"
    );
    let mut half = host.connect().await;
    half.send("POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    host.message("probe: reading").await;
    let two = [stamp("a"), answer(404, "")];
    site.manifest(&manifest(&two));
    let swapped = host.reload("swapped").await;
    assert_eq!(swapped.text("instances"), "kept stamp, probe, respond");
    // The branches of a cascade count as one: the request goes on until a handler of any of them is replaced.
    let three = [stamp("b"), answer(404, "")];
    site.manifest(&manifest(&three));
    let swapped = host.reload("swapped").await;
    assert_eq!(
        swapped.text("instances"),
        "kept probe, respond; built stamp; retired stamp"
    );
    let deadline = host.event("drain-deadline").await;
    assert_eq!(deadline.number("generation"), Some(3), "{deadline}");
    let held_by = deadline.text("held_by");
    assert!(
        held_by.starts_with("POST /length in `probe`, waiting for "),
        "{held_by}"
    );
    assert!(held_by.ends_with(", since generation 2"), "{held_by}");
    assert_eq!(half.response().await.status(), 503);
}
