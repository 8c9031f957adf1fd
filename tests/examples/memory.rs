//! The memory that a retired generation leaves: resident memory over many swaps of code.
//!
//! `cargo run --release -p stackup-tests --example memory`, and the same without `--release`.
//! `SWAPS=500` by default.

use std::collections::BTreeMap;
use std::fs;

use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::{Host, Site, artifacts};

/// Swaps before the first look: pools and caches fill.
const WARM_UP: u32 = 20;
/// Swaps between two samples of the resident set. The median growth from one to the next is
/// not moved by a buffer that the allocator keeps once.
const INTERVAL: u32 = 25;

/// One worker for all swaps: a renewal would free the memory to be measured.
const MANIFEST: &str = "
run = \"hello\"
[renewal]
generations = \"off\"
memory = \"off\"
";

/// KiB by the kind of mapping.
type Memory = BTreeMap<String, Kinds>;

#[derive(Debug, Clone, Copy, Default)]
struct Kinds {
    /// Private pages.
    dirty: i64,
    /// Pages of a file, which the kernel can drop and read again.
    clean: i64,
    mappings: i64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let swaps = std::env::var("SWAPS")
        .ok()
        .and_then(|text| text.parse().ok());
    let swaps: u32 = swaps.unwrap_or(500);
    let site = Site::new(MANIFEST, &["hello"]);
    let host = Host::start(&site).await;
    let library = read(artifacts::plugin("hello"));
    let mut before = Memory::new();
    let mut resident = Vec::new();
    for number in 1..=WARM_UP + swaps {
        let text = format!("Hello, {number:05}!");
        site.library("hello", &patched(&library, "Hello, World!", &text));
        host.reload("swapped").await;
        let response = host.get("/").await;
        assert!(response.body.starts_with(text.as_bytes()), "another's code");
        host.event("drained").await;
        if number == WARM_UP {
            before = memory(&host);
        }
        if number >= WARM_UP && (number - WARM_UP).is_multiple_of(INTERVAL) {
            resident.push(status(&host));
        }
    }
    let after = memory(&host);
    let mut grown: Vec<i64> = resident.windows(2).map(|pair| pair[1] - pair[0]).collect();
    grown.sort_unstable();
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    let size = library.len() / 1024;
    println!("\n{profile}, a library of {size} KiB, {swaps} swaps of its code:\n");
    println!("| KiB per retired generation | dirty | clean | mappings |\n|---|---:|---:|---:|");
    let each = |count: i64| count as f64 / f64::from(swaps);
    for (name, now) in &after {
        let then = before.get(name).copied().unwrap_or_default();
        let (dirty, clean) = (now.dirty - then.dirty, now.clean - then.clean);
        let mappings = now.mappings - then.mappings;
        if dirty.abs() + clean.abs() >= i64::from(swaps) / 10 {
            println!(
                "| {name} | {:.1} | {:.1} | {:.2} |",
                each(dirty),
                each(clean),
                each(mappings)
            );
        }
    }
    let median = grown[grown.len() / 2] as f64 / f64::from(INTERVAL);
    println!("\nresident set: {median:.1} KiB per retired generation (median)");
}

/// `VmRSS`.
fn status(host: &Host) -> i64 {
    let status = proc(host, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    kib(line.expect("a running host has memory"))
}

fn memory(host: &Host) -> Memory {
    let mut memory = Memory::new();
    let mut name = String::new();
    for line in proc(host, "smaps").lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        if !key.ends_with(':') {
            name = kind(line);
            memory.entry(name.clone()).or_default().mappings += 1;
            continue;
        }
        let Some(kinds) = memory.get_mut(&name) else {
            continue;
        };
        match key {
            "Private_Dirty:" | "Shared_Dirty:" => kinds.dirty += kib(value),
            "Private_Clean:" | "Shared_Clean:" => kinds.clean += kib(value),
            _ => {}
        }
    }
    memory
}

/// The kind of mapping in a first line of smaps.
fn kind(line: &str) -> String {
    let mut fields = line.split_whitespace();
    let rights = fields.nth(1).unwrap_or_default();
    let path = fields.nth(3).unwrap_or_default();
    match path {
        path if path.contains("stackup-runtime-") => format!("library {rights}"),
        "" => format!("anonymous {rights}"),
        path if path.starts_with('[') => path.to_owned(),
        _ => "the host and its libraries".to_owned(),
    }
}

fn proc(host: &Host, file: &str) -> String {
    let pid = host.worker().as_raw_nonzero();
    fs::read_to_string(format!("/proc/{pid}/{file}")).expect("a running host")
}

fn kib(value: &str) -> i64 {
    let number = value.trim().trim_end_matches(" kB");
    number.parse().unwrap_or_default()
}
