//! An unused library frees its memory and disk space, and still runs when it is called.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::{Host, Site, artifacts, within};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

const FIRST: &str = "stackup-late-code-00000000";
const SECOND: &str = "stackup-late-code-00000001";
const OTHERS: [&str; 5] = [
    SECOND,
    "stackup-late-code-00000002",
    "stackup-late-code-00000003",
    "stackup-late-code-00000004",
    "stackup-late-code-00000005",
];

/// Replaces the library and waits until `unused` libraries are unused.
async fn swap(site: &Site, host: &Host, bytes: &[u8], unused: u64) {
    site.library("late", bytes);
    host.reload("swapped").await;
    let drained = host.event("drained").await;
    assert_eq!(
        drained.number("libraries_resting"),
        Some(unused),
        "{drained}"
    );
}

/// Finds the library whose runtime copy contains `code`. Returns its unmodified and modified resident memory in KiB,
/// and the copy's path.
fn memory(host: &Host, code: &str) -> (u64, u64, PathBuf) {
    let pid = host.worker().as_raw_nonzero();
    let smaps =
        fs::read_to_string(format!("/proc/{pid}/smaps")).expect("a running process has maps");
    let (mut constant, mut written, mut copy) = (0, 0, None);
    let (mut ours, mut last) = (false, PathBuf::new());
    for line in smaps.lines() {
        if let Some(at) = line.find("/late-").and(line.find('/')) {
            let path = PathBuf::from(&line[at..]);
            if last != path {
                let bytes = fs::read(&path).expect("a copy is there");
                let mut texts = bytes[..4 << 20].windows(code.len());
                ours = texts.any(|text| text == code.as_bytes());
                last.clone_from(&path);
            }
            if ours {
                copy = Some(path);
            }
            continue;
        }
        let Some((key, value)) = line.split_once(' ') else {
            continue;
        };
        match key {
            _ if !key.ends_with(':') => (ours, last) = (false, PathBuf::new()),
            // A new copy may not be on disk yet, so its pages can be dirty without a write.
            "Rss:" if ours => constant += kib(value),
            "Anonymous:" if ours => written += kib(value),
            _ => {}
        }
    }
    let copy = copy.expect("it is mapped");
    (constant - written, written, copy)
}

fn kib(value: &str) -> u64 {
    value
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number of KiB")
}

/// A plugin's thread, which outlives its generation.
struct Thread {
    lines: Lines<BufReader<OwnedReadHalf>>,
    half: OwnedWriteHalf,
}

impl Thread {
    async fn start(host: &Host) -> Self {
        let address = host.get("/thread").await.text().to_owned();
        let stream = TcpStream::connect(address)
            .await
            .expect("the plugin listens");
        let (read, half) = stream.into_split();
        let lines = BufReader::new(read).lines();
        Self { lines, half }
    }

    async fn ask(&mut self, what: &str, answer: String) {
        self.half
            .write_all(format!("{what}\n").as_bytes())
            .await
            .expect("the plugin reads");
        let line = self.lines.next_line();
        let line = within("an answer of the plugin's thread", line).await;
        assert_eq!(line.expect("a line"), Some(answer));
    }
}

#[tokio::test]
async fn resting_library_keeps_only_written_pages() {
    let manifest = "run = \"late\"\n[failures]\nprobation_requests = 1\n";
    let site = Site::new(manifest, &["late"]);
    let host = Host::start(&site).await;
    let first = read(artifacts::plugin("late"));
    assert_eq!(host.get("/").await.text(), FIRST);
    let (constant, _, copy) = memory(&host, FIRST);
    // The kernel may evict pages, but not those that have just run.
    assert!(constant > 0, "it is in use");
    let whole = fs::metadata(&copy).unwrap();
    for (unused, code) in (1..).zip(OTHERS) {
        host.event("proven").await;
        let library = patched(&first, FIRST, code);
        swap(&site, &host, &library, unused).await;
        let (constant, written, copy) = memory(&host, FIRST);
        assert!(constant < 64, "{constant} KiB of text and constants stay");
        assert!(written > 0, "relocated pages stay");
        let now = fs::metadata(&copy).unwrap();
        assert_eq!(
            now.len(),
            whole.len(),
            "the file must not get shorter: reads would fail"
        );
        // The last stacks may be needed again, after a crash or by hand: their copies are kept.
        match unused {
            1..=3 => assert!(
                fs::read(copy).unwrap() == first,
                "{code}: a rollback target"
            ),
            // The supervisor is about to give it up.
            4 => {}
            _ => assert!(
                now.blocks() < whole.blocks() / 2,
                "{} of {}",
                now.blocks(),
                whole.blocks()
            ),
        }
        assert_eq!(host.get("/").await.text(), code);
        let serving = memory(&host, code).2;
        assert!(
            fs::read(serving).unwrap() == library,
            "whole while it serves"
        );
    }
}

#[tokio::test]
async fn returning_content_reuses_resting_library() {
    let site = Site::new("run = \"late\"\n", &["late"]);
    let host = Host::start(&site).await;
    let first = read(artifacts::plugin("late"));
    let second = patched(&first, FIRST, SECOND);
    for _ in 0..3 {
        swap(&site, &host, &second, 1).await;
        assert_eq!(host.get("/").await.text(), SECOND);
        swap(&site, &host, &first, 1).await;
        assert_eq!(host.get("/").await.text(), FIRST);
        let copy = memory(&host, FIRST).2;
        assert!(fs::read(copy).unwrap() == first, "not as it was");
    }
}

#[tokio::test]
async fn late_code_of_resting_library_still_runs() {
    let site = Site::new("run = \"late\"\n", &["late"]);
    let host = Host::start(&site).await;
    let first = read(artifacts::plugin("late"));
    let mut before = Thread::start(&host).await;
    let mut unused = Thread::start(&host).await;
    before.ask("code", format!("thread {FIRST}")).await;
    swap(&site, &host, &patched(&first, FIRST, SECOND), 1).await;
    assert_eq!(host.get("/").await.text(), SECOND);
    before.ask("code", format!("thread {FIRST}")).await;
    // Unwinding reads tables, and a backtrace reads symbols, that were freed.
    before.ask("panic", format!("caught {FIRST}")).await;
    before.ask("end", format!("destructor {FIRST}")).await;
    unused.ask("end", format!("destructor {FIRST}")).await;
    assert_eq!(host.get("/").await.text(), SECOND);
}

#[tokio::test]
async fn only_library_of_refused_candidate_rests() {
    let site = Site::new("run = \"late\"\n", &["late", "bad-init"]);
    let host = Host::start(&site).await;
    let first = read(artifacts::plugin("late"));
    site.library("bad", &patched(&first, FIRST, SECOND));
    // It loads, and so does the plugin below the map, whose `init` then fails.
    let map =
        "[[map]]\npath = \"/x\"\nrun = { plugin = \"bad-init\", config = { how = \"error\" } }\n";
    site.manifest(&format!("run = \"bad\"\n{map}"));
    host.reload("refused").await;
    // The drain's event has the count; the refused candidate has no event.
    site.manifest("run = \"late\"\n\n[limits]\ndrain_timeout = \"9s\"\n");
    host.reload("swapped").await;
    let drained = host.event("drained").await;
    assert_eq!(drained.number("libraries"), Some(3), "{drained}");
    assert_eq!(drained.number("libraries_resting"), Some(2), "{drained}");
    assert_eq!(host.get("/").await.text(), FIRST);
    let (refused, serving) = (memory(&host, SECOND).0, memory(&host, FIRST).0);
    assert!(refused < 64 && serving > 0, "{refused} and {serving} KiB");
}
