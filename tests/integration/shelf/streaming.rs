//! No plugin of the shelf buffers a whole stream, in either direction.

mod events;
mod large;
mod mounted;
mod upgrades;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;

use stackup_tests::{Connection, Host, Site, artifacts};

use self::mounted::{MOUNTED, Mounted};

/// Each middleware below its own path, and all of them stacked below `/all`.
fn site() -> Site {
    let typed =
        |media| format!("{{ plugin = \"content-type\", config = {{ default = \"{media}\" }} }}");
    let map = |path: &str, layers: &str, media| {
        let typed = typed(media);
        format!("[[map]]\npath = \"/{path}\"\nuse = [{layers}, {typed}]\nrun = \"probe\"\n")
    };
    // `pig-latin` only changes text, so `/all` sends back what it receives.
    let all: Vec<String> = MOUNTED.iter().map(Mounted::directive).collect();
    let mut manifest = format!(
        "run = \"probe\"\n[server]\ntrusted_proxies = [\"127.0.0.1\"]\n{}",
        map("all", &all.join(", "), "image/x-all")
    );
    for mounted in MOUNTED {
        manifest += &map(mounted.name, &mounted.directive(), "text/plain");
    }
    let names = MOUNTED.iter().map(|mounted| mounted.name);
    Site::new(&manifest, &names.chain(["probe"]).collect::<Vec<_>>())
}

#[tokio::test]
async fn first_chunk_returns_before_last_is_sent() {
    let site = site();
    let host = Host::start(&site).await;
    for mounted in MOUNTED {
        for method in ["GET", "POST"] {
            for coding in mounted.codings {
                echoed(&host, method, mounted.name, coding, mounted).await;
            }
        }
    }
}

#[tokio::test]
async fn stacked_middleware_stream_first_chunk() {
    let site = site();
    let host = Host::start(&site).await;
    const LINES: &[&str] = &[
        "x-forwarded-proto: https",
        "authorization: Basic YW5uOnNlc2FtZQ==",
        "content-type: application/x-www-form-urlencoded",
    ];
    let all = Mounted {
        lines: LINES,
        sent: ["_method=PUT&first=1&", "again=2&"],
        back: ["_method=PUT&first=1&", "again=2&"],
        ..MOUNTED[0]
    };
    for coding in ["", "gzip", "br", "zstd"] {
        echoed(&host, "POST", "all", coding, &all).await;
    }
}

/// Sends a body to an echo, each piece after the one before came back.
async fn echoed(host: &Host, method: &str, path: &str, coding: &str, mounted: &Mounted) {
    let what = format!("{method} through {path} {coding}");
    // If one hangs, its name is the last one printed.
    eprintln!("{what}");
    let mut connection = host.connect().await;
    let lines: String = mounted
        .lines
        .iter()
        .map(|line| format!("{line}\r\n"))
        .collect();
    let head = format!(
        "{method} /{path}/echo HTTP/1.1\r\nhost: test\r\naccept-encoding: {coding}\r\n{lines}"
    );
    connection
        .send(format!("{head}transfer-encoding: chunked\r\n\r\n"))
        .await;
    let mut received = Vec::new();
    let mut expected = String::new();
    for (number, (sent, back)) in mounted.sent.iter().zip(mounted.back).enumerate() {
        connection
            .send(format!("{:x}\r\n{sent}\r\n", sent.len()))
            .await;
        if number == 0 {
            let head = connection.head().await;
            assert_eq!(head.status, 200, "{what}");
            assert_eq!(
                head.header("content-encoding").unwrap_or_default(),
                coding,
                "{what}"
            );
        }
        expected += back;
        while decoded(coding, &received) != expected {
            let chunk = connection.chunk().await;
            let chunk = chunk.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(
                !chunk.is_empty(),
                "{what}: it ended before its last piece was sent"
            );
            received.extend(chunk);
        }
    }
    connection.send("0\r\n\r\n").await;
    received.extend(rest(&mut connection).await);
    assert_eq!(decoded(coding, &received), expected, "{what}");
}

/// The chunks until the end.
async fn rest(connection: &mut Connection) -> Vec<u8> {
    let mut rest = Vec::new();
    loop {
        match connection.chunk().await.expect("a chunk") {
            end if end.is_empty() => return rest,
            chunk => rest.extend(chunk),
        }
    }
}

/// Decodes as much of a truncated compressed text as possible.
fn decoded(coding: &str, bytes: &[u8]) -> String {
    let mut decoder: Box<dyn Read> = match coding {
        "gzip" => Box::new(flate2::read::GzDecoder::new(bytes)),
        "br" => Box::new(brotli::Decompressor::new(bytes, 4096)),
        "zstd" => Box::new(zstd::stream::read::Decoder::new(bytes).expect("a decoder")),
        _ => Box::new(bytes),
    };
    let mut text = Vec::new();
    let mut byte = [0];
    while let Ok(1) = decoder.read(&mut byte) {
        text.extend(byte);
    }
    String::from_utf8(text).expect("a text")
}

#[test]
fn every_middleware_is_tested_for_streaming() {
    let mut exported = BTreeSet::new();
    for plugin in fs::read_dir(artifacts::workspace().join("plugins")).unwrap() {
        let plugin = plugin.unwrap();
        let Ok(source) = fs::read_to_string(plugin.path().join("src/lib.rs")) else {
            continue;
        };
        let mut exports = source.lines().filter(|line| line.contains("export!("));
        if exports.any(|line| line.contains("middleware ")) {
            exported.insert(plugin.file_name().into_string().unwrap());
        }
    }
    let here: BTreeSet<String> = MOUNTED
        .iter()
        .map(|mounted| mounted.name.to_owned())
        .collect();
    assert_eq!(exported, here, "each has a row in streaming/mounted.rs");
}
