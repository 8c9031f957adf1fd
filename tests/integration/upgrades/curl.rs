//! What curl makes of interim responses, streams and large uploads.

use std::process::Stdio;

use stackup_tests::{Host, Site, print_skipped, within};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

/// curl with these arguments, killed on drop. `None`, with a message, if it is not installed.
fn curl(arguments: &[&str]) -> Option<Child> {
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--show-error",
        "--no-buffer",
        "--max-time",
        "120",
    ]);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    match command.kill_on_drop(true).spawn() {
        Ok(child) => Some(child),
        Err(error) => {
            print_skipped(&format!("no `curl` ({error}); install `curl`"));
            None
        }
    }
}

/// What it prints until its end, which is a good one.
async fn printed(mut curl: Child) -> String {
    let mut text = String::new();
    let mut output = curl.stdout.take().expect("a pipe");
    within("curl", output.read_to_string(&mut text))
        .await
        .expect("text");
    let status = within("curl's end", curl.wait()).await.expect("a status");
    assert!(status.success(), "{status}: {text}");
    text
}

async fn serving(plugin: &str) -> (Site, Host) {
    let site = Site::new(&format!("run = {plugin:?}"), &[plugin]);
    let host = Host::start(&site).await;
    (site, host)
}

#[tokio::test]
async fn curl_shows_hints_before_the_response() {
    let (_site, host) = serving("upgrades").await;
    let Some(curl) = curl(&["--include", &format!("{}/hints", host.url())]) else {
        return;
    };
    let text = printed(curl).await.replace('\r', "");
    let hint = "HTTP/1.1 103 Early Hints\nlink: </style.css>; rel=preload\n\nHTTP/1.1 200 OK\n";
    assert!(text.starts_with(hint), "{text}");
    assert!(text.ends_with("\n\nhinted\n"), "{text}");
}

#[tokio::test]
async fn curl_has_each_line_of_a_stream_as_it_comes() {
    let (_site, host) = serving("probe").await;
    let Some(mut curl) = curl(&[&format!("{}/held", host.url())]) else {
        return;
    };
    let mut lines = BufReader::new(curl.stdout.take().expect("a pipe")).lines();
    let begun = within("the first line", lines.next_line()).await;
    assert_eq!(begun.expect("a line").as_deref(), Some("begun"));
    assert_eq!(host.get("/let-go").await.status(), 204);
    let ended = within("the last line", lines.next_line()).await;
    assert_eq!(ended.expect("a line").as_deref(), Some("ended"));
    let status = within("curl's end", curl.wait()).await.expect("a status");
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn curl_uploads_after_a_100() {
    let (site, host) = serving("probe").await;
    site.file("upload", "x".repeat(3_000_000));
    let upload = format!("@{}", site.path().join("upload").display());
    let url = format!("{}/length", host.url());
    // It waits for the 100 longer than the test does.
    let expects = [
        "--expect100-timeout",
        "600",
        "--header",
        "expect: 100-continue",
    ];
    let Some(curl) = curl(&[&expects[..], &["--data-binary", &upload, &url]].concat()) else {
        return;
    };
    assert_eq!(printed(curl).await, "3000000");
}
