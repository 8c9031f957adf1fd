//! A stderr without a reader, as with a stalled log shipper: the server keeps serving.

use std::io::{BufRead, BufReader};
use std::process::{ChildStderr, Command};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use stackup_tests::http::Connection;
use stackup_tests::{Host, Site, artifacts, within};

/// More than a pipe and the log's queue hold: every second request logs its path, of 3000 bytes. A pipe takes a longer line
/// in parts, and those of another process in between.
const REQUESTS: usize = 700;

/// A host whose log was read up to its start, and no further.
struct Stalled {
    site: Site,
    /// `None` once the test reads it again.
    stderr: Option<BufReader<ChildStderr>>,
    host: std::process::Child,
}

impl Stalled {
    fn start(command: impl FnOnce(&Site) -> Command) -> Self {
        let site = Site::new("", &["probe"]);
        let listen = format!("[server]\nlisten = [\"unix:{}\"]\n", socket(&site));
        site.manifest(&format!(
            "run = \"probe\"\n{listen}[limits]\nblock_report = \"10ms\"\nshutdown_timeout = \"0s\"\n"
        ));
        let mut host = command(&site).spawn().expect("a host");
        let mut stderr = BufReader::new(host.stderr.take().expect("stdout is piped"));
        let mut line = String::new();
        while !line.contains("\"listening\"") {
            line.clear();
            let bytes = stderr.read_line(&mut line).expect("a log");
            assert_ne!(bytes, 0, "it ended");
        }
        Self {
            site,
            stderr: Some(stderr),
            host,
        }
    }

    async fn connect(&self) -> Connection {
        Connection::unix(socket(&self.site).as_ref()).await
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.host), Signal::KILL);
        let _ = self.host.wait();
    }
}

fn socket(site: &Site) -> String {
    site.path().join("socket").display().to_string()
}

fn serve(site: &Site) -> Command {
    Host::command(artifacts::stackup(), site, &["-E", "production"])
}

#[tokio::test]
async fn stalled_stderr_stops_no_request_and_dropped_lines_are_reported() {
    let mut stalled = Stalled::start(serve);
    let path = "x".repeat(3000);
    let mut connection = stalled.connect().await;
    for _ in 0..REQUESTS {
        let response = connection.get(&format!("/ignore?{path}")).await;
        assert_eq!(response.status(), 200);
        let response = connection.get(&format!("/{path}")).await;
        assert_eq!(response.status(), 200);
    }
    // The supervisor and the watchdog have lines to write too.
    let said = stalled.site.stackup(&["restart"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut blocked = stalled.connect().await;
    blocked
        .send("GET /block HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    within("a blocked handler in the status", async {
        loop {
            let said = stalled.site.stackup(&["status", "--json"]).await;
            if said.stdout.contains("\"blocked\": [\n") {
                break;
            }
        }
    })
    .await;
    // Once it is read again, the log has the dropped lines, the watchdog's report and the end of the process.
    let stderr = stalled.stderr.take().expect("a log");
    let waiting = read_until(stderr, &["log-dropped", "blocked"]);
    let (stderr, lines) = within("the lines that waited", waiting).await;
    let dropped = lines.iter().filter_map(|line| line["dropped"].as_u64());
    assert!(dropped.sum::<u64>() > 0, "{lines:?}");
    let end = tokio::spawn(read_until(stderr, &["stopped"]));
    let said = stalled.site.stackup(&["stop"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    within("the end of the log", end).await.expect("no panic");
}

/// Reads lines until each of these events was among them.
async fn read_until(
    mut stderr: BufReader<ChildStderr>,
    events: &'static [&'static str],
) -> (BufReader<ChildStderr>, Vec<Value>) {
    let read = move || {
        let mut lines: Vec<Value> = Vec::new();
        while !events
            .iter()
            .all(|event| lines.iter().any(|line| line["event"] == *event))
        {
            let mut line = String::new();
            let bytes = stderr.read_line(&mut line).expect("text");
            assert_ne!(bytes, 0, "no {events:?} before the end: {lines:?}");
            lines.push(serde_json::from_str(&line).expect("whole lines"));
        }
        (stderr, lines)
    };
    tokio::task::spawn_blocking(read).await.expect("no panic")
}
