//! A stderr that nobody reads, as of a stalled log shipper: the server keeps serving.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStderr, Command};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use stackup_tests::http::Connection;
use stackup_tests::{Host, Site, artifacts, within};

/// More than a pipe and the log's queue hold: each request logs its path, of 7000 bytes.
const REQUESTS: usize = 300;

/// A host whose log was read up to its start, and no further.
struct Stalled {
    site: Site,
    /// None once somebody reads it again.
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
        let mut stderr = BufReader::new(host.stderr.take().expect("it is piped"));
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
    let path = "x".repeat(7000);
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
    // Somebody reads again: what was dropped is reported, and the end of the process is in the log.
    let mut stderr = stalled.stderr.take().expect("a log");
    let rest = tokio::task::spawn_blocking(move || {
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).map(|_| rest)
    });
    let said = stalled.site.stackup(&["stop"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let rest = within("the end of the log", rest).await;
    let rest = rest.expect("no panic").expect("text");
    let lines: Vec<Value> = rest
        .lines()
        .map(|line| serde_json::from_str(line).expect("whole lines"))
        .collect();
    let dropped = lines.iter().filter(|line| line["event"] == "log-dropped");
    let dropped: u64 = dropped.filter_map(|line| line["dropped"].as_u64()).sum();
    assert!(dropped > 0, "{dropped}");
    assert!(
        lines.iter().any(|line| line["event"] == "blocked"),
        "{rest}"
    );
    let last = lines.last().expect("a line");
    assert_eq!(last["message"], "stopped", "{last}");
}
