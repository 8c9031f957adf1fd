//! A large file through the middleware that read content.

use std::fs::{self, File};
use std::io;

use stackup_tests::{Connection, Host, Site};

/// The size, plain, and compressed without `STACKUP_STREAM=long`: an unoptimised gzip is slow.
const GIB: usize = 1 << 30;
const COMPRESSED: usize = 128 << 20;
/// How much memory a worker may gain: buffers and the allocator's overhead.
const GROWTH: usize = 24 << 20;

const MANIFEST: &str = r#"
run = "answers"

[[use]]
plugin = "logger"

[[use]]
plugin = "deflater"
config = { codings = ["gzip"], include = ["text/*"], level = { gzip = 1 } }

[[use]]
plugin = "etag"

[[use]]
plugin = "static"
config = { urls = ["/large.txt", "/small.txt"], root = "." }
"#;

#[tokio::test]
async fn large_file_uses_constant_memory() {
    let plugins = ["logger", "deflater", "etag", "static", "answers"];
    let site = Site::new(MANIFEST, &plugins);
    // A sparse file of NULs.
    let large = File::create(site.path().join("large.txt")).unwrap();
    site.file("small.txt", vec![0; 1 << 20]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let long = std::env::var("STACKUP_STREAM").is_ok_and(|value| value == "long");
    let compressed = if long { GIB } else { COMPRESSED };
    for (coding, size) in [("identity", GIB), ("gzip", compressed)] {
        large.set_len(size as u64).unwrap();
        // The first request creates threads and buffers that stay.
        assert_eq!(
            length(&mut connection, "/small.txt", coding).await.unwrap(),
            1 << 20
        );
        let before = memory(&host, "VmRSS:");
        forget_the_most(&host);
        assert_eq!(
            length(&mut connection, "/large.txt", coding).await.unwrap(),
            size
        );
        let grown = memory(&host, "VmHWM:").saturating_sub(before);
        assert!(
            grown < GROWTH,
            "{size} bytes as {coding} took {grown} of memory"
        );
    }
}

/// The length of the content at `target`, counted while it is received.
async fn length(connection: &mut Connection, target: &str, coding: &str) -> io::Result<usize> {
    let head = format!("GET {target} HTTP/1.1\r\nhost: test\r\naccept-encoding: {coding}\r\n\r\n");
    connection.send(head).await;
    let head = connection.head().await;
    assert_eq!(head.status, 200);
    assert_eq!(
        head.header("content-encoding").unwrap_or("identity"),
        coding
    );
    if let Some(length) = head.header("content-length") {
        let length = length.parse().expect("a length is a number");
        let mut left: usize = length;
        while left > 0 {
            left -= connection.part(left.min(64 * 1024)).await?.len();
        }
        return Ok(length);
    }
    let mut last = Vec::new();
    loop {
        let chunk = connection.chunk().await?;
        if chunk.is_empty() {
            break;
        }
        last.drain(..last.len().saturating_sub(4));
        last.extend(chunk);
    }
    connection.trailers().await?;
    // A gzip ends with the length of what is in it (RFC 1952 §2.3.1).
    let length = last.last_chunk().expect("a gzip has an end");
    Ok(u32::from_le_bytes(*length) as usize)
}

/// The worker's memory in bytes: now (`VmRSS:`) or its peak (`VmHWM:`).
fn memory(host: &Host, name: &str) -> usize {
    let status = fs::read_to_string(process(host, "status")).expect("a running worker");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|kib| kib.parse::<usize>().ok())
        .expect("a number of KiB")
        * 1024
}

/// Resets the peak (proc_pid_clear_refs(5)).
fn forget_the_most(host: &Host) {
    fs::write(process(host, "clear_refs"), "5").expect("a running worker");
}

fn process(host: &Host, file: &str) -> String {
    format!("/proc/{}/{file}", host.worker().as_raw_nonzero())
}
