//! A library that nothing uses gives its memory and disk back, and still runs when it is called.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::{Host, Site, artifacts};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

const FIRST: &str = "stackup-late-code-00000000";
const SECOND: &str = "stackup-late-code-00000001";
const OTHERS: [&str; 3] = [
    SECOND,
    "stackup-late-code-00000002",
    "stackup-late-code-00000003",
];

/// Puts `bytes` in the place of the library, and waits until what was there before is at rest.
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

/// The resident pages of a library that are as in its copy, those that were written, both in KiB, and
/// its copy. The library is the one whose copy has the text `code`.
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
            // A copy that has just been made may not be on the disk yet, so "dirty" says nothing.
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

/// The thread of a plugin, which outlives its generation.
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
        let line = tokio::time::timeout(std::time::Duration::from_secs(20), line).await;
        assert_eq!(line.expect("an answer").expect("a line"), Some(answer));
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
    // The system may take back pages that nobody has touched lately, so the least is what has just run.
    assert!(constant > 0, "it is in use");
    let whole = fs::metadata(&copy).unwrap();
    for (unused, code) in (1..).zip(OTHERS) {
        host.event("proven").await;
        let library = patched(&first, FIRST, code);
        swap(&site, &host, &library, unused).await;
        let (constant, written, copy) = memory(&host, FIRST);
        assert!(constant < 64, "{constant} KiB of text and constants stay");
        assert!(written > 0, "what was relocated stays");
        let now = fs::metadata(&copy).unwrap();
        assert_eq!(now.len(), whole.len(), "no read is behind the end");
        // The library of the last good stack, and the one before it, may be wanted after a crash.
        match unused {
            1 | 2 => assert!(fs::read(copy).unwrap() == first, "{code}: it may be wanted"),
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
    // Unwinding reads tables that were given back, and a backtrace looks for symbols that are gone.
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
    // It loads, as does what stands below a map: the `init` of that returns an error.
    let map =
        "[[map]]\npath = \"/x\"\nrun = { plugin = \"bad-init\", config = { how = \"error\" } }\n";
    site.manifest(&format!("run = \"bad\"\n{map}"));
    host.reload("refused").await;
    // A drain tells how many rest; of the refused one there is no event.
    site.manifest("run = \"late\"\n\n[limits]\ndrain_timeout = \"9s\"\n");
    host.reload("swapped").await;
    let drained = host.event("drained").await;
    assert_eq!(drained.number("libraries"), Some(3), "{drained}");
    assert_eq!(drained.number("libraries_resting"), Some(2), "{drained}");
    assert_eq!(host.get("/").await.text(), FIRST);
    let (refused, serving) = (memory(&host, SECOND).0, memory(&host, FIRST).0);
    assert!(refused < 64 && serving > 0, "{refused} and {serving} KiB");
}
