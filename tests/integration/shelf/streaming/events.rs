//! Every plugin of the shelf passes each event of a stream on at once, compressed or not.

use stackup_tests::{Host, Site};

use super::decoded;
use super::mounted::{MOUNTED, Mounted};

/// As many events are looked at.
const EVENTS: u32 = 5;

#[tokio::test]
async fn event_passes_each_middleware_and_all_of_them_before_the_next_one() {
    let ticker = "run = { plugin = \"ticker\", config = { seconds = 0.05 } }\n";
    let map = |path: &str, layers: &str| {
        format!("[[map]]\npath = \"/{path}\"\nuse = [{layers}]\n{ticker}")
    };
    let all: Vec<String> = MOUNTED.iter().map(Mounted::directive).collect();
    let mut manifest = format!(
        "{ticker}[server]\ntrusted_proxies = [\"127.0.0.1\"]\n{}",
        map("all", &all.join(", "))
    );
    for mounted in MOUNTED {
        manifest += &map(mounted.name, &mounted.directive());
    }
    let names = MOUNTED.iter().map(|mounted| mounted.name);
    let site = Site::new(&manifest, &names.chain(["ticker"]).collect::<Vec<_>>());
    let host = Host::develop(&site).await;
    let every: Vec<_> = MOUNTED
        .iter()
        .flat_map(|mounted| mounted.lines)
        .copied()
        .filter(|line| !line.starts_with("content-type"))
        .collect();
    for mounted in MOUNTED {
        for coding in mounted.codings {
            stream(&host, mounted.name, mounted.lines, coding).await;
        }
    }
    for coding in ["", "gzip", "br", "zstd"] {
        stream(&host, "all", &every, coding).await;
    }
    let finding = host.log().try_take(|record| record.event() == "lint");
    assert!(finding.is_none(), "{finding:?}");
}

async fn stream(host: &Host, path: &str, lines: &[&str], coding: &str) {
    let what = format!("{path} {coding}");
    // If one hangs, its name is the last one printed.
    eprintln!("{what}");
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let mut connection = host.connect().await;
    let request = format!(
        "GET /{path} HTTP/1.1\r\nhost: test\r\naccept-encoding: {coding}\r\nlast-event-id: 7\r\n{lines}\r\n"
    );
    connection.send(request).await;
    let head = connection.head().await;
    assert_eq!(head.status, 200, "{what}");
    assert_eq!(
        head.header("content-type"),
        Some("text/event-stream"),
        "{what}"
    );
    assert_eq!(
        head.header("content-encoding").unwrap_or_default(),
        coding,
        "{what}"
    );
    assert_eq!(head.header("etag"), None, "{what}");
    let (mut received, mut expected) = (Vec::new(), String::from("retry: 100\n\n"));
    for number in 8..8 + EVENTS {
        while decoded(coding, &received) != expected {
            // A chunk with more than one event has waited for it.
            let so_far = decoded(coding, &received);
            assert!(expected.starts_with(&so_far), "{what}: {so_far}");
            let chunk = connection.chunk().await;
            received.extend(chunk.unwrap_or_else(|error| panic!("{what}: {error}")));
        }
        expected += &format!("id: {number}\ndata: {number}\n\n");
    }
}
