//! Control commands, and malformed requests on the control socket.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use stackup_tests::{Host, Site, artifacts, within};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::{code, faulty, start, wait_for_reload};

const RUN: &str = "run = \"faulty\"\n";

/// `stackup status --json`.
pub(super) async fn status(site: &Site) -> Value {
    let said = site.stackup(&["status", "--json"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    serde_json::from_str(&said.stdout).expect("JSON")
}

#[tokio::test]
async fn status_describes_what_runs_to_owner_only() {
    let (site, host) = start(RUN, 1, "none").await;
    let socket = site.path().join("config.ru.sock");
    let mode = std::fs::metadata(socket)
        .expect("it is there")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let mut waiting = host.connect().await;
    waiting.get("/").await;
    let status = status(&site).await;
    assert_eq!(status["pid"], host.pid().as_raw_nonzero().get());
    assert_eq!(status["listening"][0], host.url());
    let worker = &status["workers"][0];
    assert_eq!(worker["pid"], host.worker().as_raw_nonzero().get());
    assert_eq!(worker["state"], "serving");
    assert_eq!(worker["cause"], "start");
    let active = &worker["status"]["generations"]["active"];
    assert_eq!(active["number"], 1, "{status:#}");
    assert_eq!(active["stack"][0]["label"], "run faulty", "{status:#}");
    for (key, value) in [("crashes", "0"), ("renewals", "0"), ("quarantine", "[]")] {
        assert_eq!(status[key].to_string(), value, "{key}");
    }
    let said = site.stackup(&["status"]).await;
    for part in [
        &format!("listening on {}\n", host.url()),
        "0 crashes, 0 renewals so far\n",
        &format!(
            "worker 1 (pid {}, start) is serving",
            host.worker().as_raw_nonzero()
        ),
        "generation 1 active for",
        "on probation",
        "run faulty",
    ] {
        assert!(said.stdout.contains(part), "{part}\n{}", said.stdout);
    }
}

#[tokio::test]
async fn reload_command_waits_and_exits_with_outcome() {
    let (site, host) = start(RUN, 1, "none").await;
    let said = site.stackup(&["reload"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("no changes"), "{said:?}");
    let said = site.stackup(&["reload", "--fresh", "--json"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let verdict: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(verdict["outcome"], "swapped", "{verdict}");
    assert_eq!(verdict["generation"], 2, "{verdict}");
    site.manifest("run = \"nobody\"\n");
    let said = site.stackup(&["reload"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("`nobody` is not there"), "{said:?}");
    assert!(
        said.stderr.contains("generation 2 keeps serving"),
        "{said:?}"
    );
    assert_eq!(code(&host).await, 1);
}

#[tokio::test]
async fn stop_finishes_requests_then_ends() {
    let site = Site::new("run = \"probe\"\n", &["probe"]);
    let mut host = Host::start(&site).await;
    let mut busy = host.connect().await;
    busy.send("POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    host.message("probe: reading").await;
    let said = site.stackup(&["stop"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    busy.send("half").await;
    assert_eq!(busy.response().await.text(), "8");
    assert!(host.exited().await.success());
    for command in ["status", "reload", "restart", "upgrade", "stop"] {
        let said = site.stackup(&[command]).await;
        assert_eq!(said.code, Some(1), "{command}: {said:?}");
        assert!(
            said.stderr.contains("no stackup is running here"),
            "{command}: {said:?}"
        );
        assert!(
            said.stderr.contains("config.ru.sock"),
            "{command}: {said:?}"
        );
    }
}

#[tokio::test]
async fn second_server_serves_without_control_socket_or_with_its_own() {
    let (site, first) = start(RUN, 1, "none").await;
    let second = Host::start(&site).await;
    let record = second.event("no-control").await;
    assert!(
        record
            .message()
            .contains("another stackup serves this manifest"),
        "{record}"
    );
    assert_eq!(
        status(&site).await["pid"],
        first.pid().as_raw_nonzero().get()
    );
    drop(second);
    let own = site.path().join("own.sock");
    let own = own.to_str().expect("text");
    let arguments = ["-p", "0", "-o", "127.0.0.1", "--control", own];
    let mut second = Host::launch(artifacts::stackup(), &site, &arguments);
    second.ready().await;
    let said = site.stackup(&["stop", "--control", own]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(second.exited().await.success());
    assert_eq!(code(&first).await, 1);
    assert_eq!(
        status(&site).await["pid"],
        first.pid().as_raw_nonzero().get()
    );
}

/// Sends bytes on the control socket, and returns the reply and the bytes after it.
async fn reply(site: &Site, line: &[u8]) -> (Value, Option<String>) {
    let socket = UnixStream::connect(site.path().join("config.ru.sock")).await;
    let mut stream = BufReader::new(socket.expect("a socket"));
    stream.get_mut().write_all(line).await.expect("it is read");
    let mut reply = String::new();
    within("a reply", stream.read_line(&mut reply))
        .await
        .expect("a reply");
    stream.get_mut().shutdown().await.expect("it is open");
    let mut rest = String::new();
    let rest = within("the end", stream.read_to_string(&mut rest))
        .await
        .ok()
        .map(|_| rest);
    (serde_json::from_str(&reply).expect("JSON"), rest)
}

#[tokio::test]
async fn malformed_control_request_gets_error() {
    let (site, host) = start(RUN, 1, "none").await;
    // A silent client delays nothing.
    let _silent = UnixStream::connect(site.path().join("config.ru.sock")).await;
    for nonsense in [
        &b"GET / HTTP/1.1\n"[..],
        b"\xff\xfe\x00\n",
        b"{\"ask\":\"explode\"}\n",
        b"\n",
    ] {
        let (reply, _) = reply(&site, nonsense).await;
        assert_eq!(reply["ok"], false, "{reply}");
        let text = reply["text"].as_str().expect("text");
        assert!(text.starts_with("not a request: "), "{text}");
    }
    // As a page in a browser could have it sent, if it reached the socket: the line after the first bad one is not read.
    let mut two = b"POST / HTTP/1.1\n{\"ask\":\"stop\"}\n".to_vec();
    let (first, rest) = reply(&site, &two).await;
    assert_eq!(first["ok"], false);
    assert_eq!(rest.unwrap_or_default(), "", "the connection ends");
    two.resize((64 << 10) + 1, b' ');
    two.retain(|byte| *byte != b'\n');
    two.resize((64 << 10) + 1, b' ');
    let (long, rest) = reply(&site, &two).await;
    assert_eq!(long["text"], "a request is at most 65536 bytes long");
    assert_eq!(rest.unwrap_or_default(), "", "it is not read to its end");
    assert_eq!(code(&host).await, 1);
    site.library("faulty", &faulty(2, "none"));
    wait_for_reload(&host, "swapped").await;
    assert_eq!(
        status(&site).await["workers"].as_array().map(Vec::len),
        Some(1)
    );
}
