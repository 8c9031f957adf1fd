use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Instant;

use tokio::runtime::Runtime;

use super::*;

/// Fails a test whose event never comes. No test depends on how long an event takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// Checks so rarely that only events can make a test pass.
static EVENTS_ONLY: LazyLock<Timing> = LazyLock::new(|| Timing {
    poll: Duration::from_secs(600),
    heartbeat: Duration::from_secs(600),
    ..Timing::default()
});

struct Bench {
    _dir: tempfile::TempDir,
    root: PathBuf,
    watch: Watcher,
    reports: tokio_mpsc::Receiver<ChangeSet>,
    runtime: Runtime,
}

impl Bench {
    fn new() -> Self {
        Self::with(Watcher::new(*EVENTS_ONLY).unwrap())
    }

    fn with((watch, reports): (Watcher, tokio_mpsc::Receiver<ChangeSet>)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            _dir: dir,
            root,
            watch,
            reports,
            runtime: { runtime }.enable_time().build().unwrap(),
        }
    }

    fn watch(&self, names: &[&str]) {
        self.watch
            .set(Interest::files(
                names.iter().map(|name| self.root.join(name)),
            ))
            .unwrap();
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.root.join(name), content).unwrap();
    }

    /// Writes a file in one step: the two of [`Bench::write`] may be reported one by one.
    fn place(&self, name: &str, content: &str) {
        self.write(".whole", content);
        self.rename(".whole", name);
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.root.join(from), self.root.join(to)).unwrap();
    }

    /// Replaces a link by renaming, as `mv -T` and deployment tools do.
    fn point(&self, link: &str, target: &str) {
        symlink(target, self.root.join(".link")).unwrap();
        self.rename(".link", link);
    }

    fn mkdir(&self, name: &str) {
        fs::create_dir_all(self.root.join(name)).unwrap();
    }

    fn next(&mut self) -> ChangeSet {
        let received = self
            .runtime
            .block_on(async { tokio::time::timeout(DEADLINE, self.reports.recv()).await });
        received.expect("no report").expect("the thread runs")
    }

    /// The next report, as names in the bench.
    fn report(&mut self) -> Vec<String> {
        let paths = self.next().paths;
        paths.iter().map(|path| self.short(path)).collect()
    }

    fn short(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Only the change of `marker` is reported. Events come in order, so an earlier change would have been
    /// reported with it or before it.
    fn only_reports(&mut self, marker: &str) {
        self.write(marker, "a mark");
        assert_eq!(self.report(), [marker]);
    }

    /// Reads reports until one names `name`, for changes that may come in parts.
    fn until(&mut self, name: &str) {
        while !self.report().iter().any(|path| path == name) {}
    }
}

#[test]
fn write_in_place_is_reported() {
    let mut bench = Bench::new();
    bench.write("lib.so", "one");
    bench.watch(&["lib.so"]);
    bench.write("lib.so", "two");
    bench.until("lib.so");
}

#[test]
fn rename_over_a_file_is_reported_once() {
    let mut bench = Bench::new();
    bench.write("lib.so", "one");
    bench.watch(&["lib.so", "marker"]);
    bench.write("lib.so.tmp", "two");
    bench.rename("lib.so.tmp", "lib.so");
    assert_eq!(bench.report(), ["lib.so"]);
    bench.only_reports("marker");
}

#[test]
fn other_files_in_the_directory_are_not_reported() {
    let mut bench = Bench::new();
    bench.write("lib.so", "one");
    bench.watch(&["lib.so", "marker"]);
    bench.write("other.so", "x");
    fs::read(bench.root.join("lib.so")).unwrap();
    bench.mkdir("elsewhere");
    bench.write("elsewhere/lib.so", "same name");
    bench.only_reports("marker");
}

#[test]
fn retargeted_link_is_reported() {
    let mut bench = Bench::new();
    bench.write("one.so", "one");
    bench.write("two.so", "two");
    bench.point("lib.so", "one.so");
    bench.watch(&["lib.so"]);
    bench.point("lib.so", "two.so");
    assert_eq!(bench.report(), ["lib.so"]);
    bench.write("two.so", "two and more");
    assert_eq!(bench.report(), ["lib.so"]);
}

#[test]
fn retargeted_link_in_the_middle_is_reported() {
    let mut bench = Bench::new();
    for release in ["releases/42", "releases/43"] {
        bench.mkdir(release);
        bench.write(&format!("{release}/lib.so"), release);
    }
    bench.point("current", "releases/42");
    bench.watch(&["current/lib.so"]);
    bench.point("current", "releases/43");
    assert_eq!(bench.report(), ["current/lib.so"]);
    bench.write("releases/43/lib.so.tmp", "new");
    bench.rename("releases/43/lib.so.tmp", "releases/43/lib.so");
    assert_eq!(bench.report(), ["current/lib.so"]);
}

#[test]
fn file_in_absent_directories_is_reported_when_it_appears() {
    let mut bench = Bench::new();
    bench.watch(&["target/debug/lib.so"]);
    bench.mkdir("target/debug");
    bench.write("target/debug/lib.so", "one");
    bench.until("target/debug/lib.so");
    bench.write("target/debug/lib.so.tmp", "another");
    bench.rename("target/debug/lib.so.tmp", "target/debug/lib.so");
    bench.until("target/debug/lib.so");
}

#[test]
fn recreated_directory_is_watched_again() {
    let mut bench = Bench::new();
    bench.mkdir("target");
    bench.write("target/lib.so", "0");
    bench.watch(&["target/lib.so"]);
    for round in 1..5 {
        // As `cargo clean && cargo build` does; file systems like to give the same inodes again.
        fs::remove_dir_all(bench.root.join("target")).unwrap();
        bench.mkdir("target");
        bench.write("target/lib.so", &"x".repeat(2 * round));
        bench.until("target/lib.so");
        bench.write("target/tmp", &"x".repeat(2 * round + 1));
        bench.rename("target/tmp", "target/lib.so");
        bench.until("target/lib.so");
    }
}

#[test]
fn directory_swapped_by_renaming_is_watched_again() {
    let mut bench = Bench::new();
    bench.mkdir("live");
    bench.mkdir("next");
    bench.write("live/lib.so", "one");
    bench.write("next/lib.so", "other");
    bench.watch(&["live/lib.so"]);
    bench.rename("live", "old");
    bench.rename("next", "live");
    bench.until("live/lib.so");
    bench.write("live/tmp", "a third");
    bench.rename("live/tmp", "live/lib.so");
    bench.until("live/lib.so");
}

#[test]
fn file_removed_and_recreated_is_reported() {
    let mut bench = Bench::new();
    bench.write("lib.so", "one");
    bench.watch(&["lib.so"]);
    // As cargo does: remove the output, link the new one there.
    bench.write("deps.so", "three");
    fs::remove_file(bench.root.join("lib.so")).unwrap();
    fs::hard_link(bench.root.join("deps.so"), bench.root.join("lib.so")).unwrap();
    assert_eq!(bench.report(), ["lib.so"]);
    // The report may have been of the removal; the new file is watched in any case.
    bench.place("lib.so", "a third");
    assert_eq!(bench.report(), ["lib.so"]);
}

#[test]
fn removed_file_is_reported() {
    let mut bench = Bench::new();
    bench.write("lib.so", "one");
    bench.watch(&["lib.so"]);
    fs::remove_file(bench.root.join("lib.so")).unwrap();
    assert_eq!(bench.report(), ["lib.so"]);
}

#[test]
fn file_not_in_the_new_set_is_not_reported() {
    let mut bench = Bench::new();
    bench.watch(&["one", "marker"]);
    bench.watch(&["marker"]);
    bench.write("one", "x");
    bench.only_reports("marker");
}

#[test]
fn changes_accumulate_until_received() {
    let mut bench = Bench::new();
    let names: Vec<String> = (0..20).map(|n| format!("file{n:02}")).collect();
    bench.watch(&names.iter().map(String::as_str).collect::<Vec<_>>());
    bench.place(&names[0], "x");
    // The channel holds one report.
    let end = Instant::now() + DEADLINE;
    while bench.reports.is_empty() {
        assert!(Instant::now() < end, "no report");
        thread::yield_now();
    }
    for name in &names[1..] {
        bench.place(name, "x");
    }
    assert_eq!(bench.report(), [&*names[0]]);
    let mut reported = Vec::new();
    while reported.len() < names.len() - 1 {
        reported.extend(bench.report());
    }
    reported.sort();
    assert_eq!(reported, names[1..], "each is reported once");
}

#[test]
fn polling_reports_changes() {
    let timing = Timing {
        poll: Duration::from_millis(10),
        ..*EVENTS_ONLY
    };
    let mut bench = Bench::with(Watcher::polling(timing).unwrap());
    bench.watch(&["dir/lib.so"]);
    bench.mkdir("dir");
    bench.write("dir/lib.so", "one");
    bench.until("dir/lib.so");
    // The check after `set` may have reported the first change.
    bench.write("dir/lib.so", "longer");
    bench.until("dir/lib.so");
}

#[test]
fn heartbeat_reports_changes_without_events() {
    let timing = Timing {
        heartbeat: Duration::from_millis(10),
        ..*EVENTS_ONLY
    };
    let (messages, inbox) = mpsc::channel();
    let silent = DirWatcher::open(|_event| ());
    let mut bench = Bench::with(Watcher::start(timing, silent, messages, inbox).unwrap());
    bench.watch(&["lib.so"]);
    bench.write("lib.so", "one");
    bench.until("lib.so");
    // The check after `set` may have reported the first change.
    bench.write("lib.so", "longer");
    bench.until("lib.so");
}

#[test]
fn dropped_receiver_ends_the_thread() {
    let bench = Bench::with(Watcher::new(Timing::default()).unwrap());
    drop(bench.reports);
    let end = Instant::now() + DEADLINE;
    while bench.watch.set(Interest::default()).is_ok() {
        assert!(Instant::now() < end, "the thread still runs");
    }
}

#[test]
fn tree_reports_files_in_new_directories() {
    let mut bench = Bench::new();
    bench.mkdir("crate/src");
    bench.write("crate/src/lib.rs", "one");
    let tree = |root: &str| Tree {
        root: bench.root.join(root),
        excluded: [bench.root.join(root).join("target")].into(),
        included: BTreeSet::new(),
    };
    let (trees, files) = (
        [tree("crate"), tree("part")].into(),
        [bench.root.join("lock")].into(),
    );
    bench.watch.set(Interest { files, trees }).unwrap();
    let before = Instant::now();
    bench.mkdir("crate/target");
    bench.write("crate/target/lib.so", "x");
    bench.write("crate/src/.lib.rs.swp", "x");
    bench.place("crate/src/lib.rs", "x");
    assert_eq!(bench.report(), ["crate/src/lib.rs"]);
    bench.mkdir("crate/src/deep/er");
    bench.place("crate/src/deep/er/mod.rs", "x");
    assert_eq!(bench.report(), ["crate/src/deep/er/mod.rs"]);
    bench.mkdir("part/src");
    bench.place("part/src/lib.rs", "x");
    assert_eq!(bench.report(), ["part/src/lib.rs"]);
    bench.place("lock", "x");
    let changed = bench.next();
    assert_eq!(changed.paths, [bench.root.join("lock")]);
    assert!(before < changed.first && changed.first < Instant::now());
    fs::rename(bench.root.join("part"), bench.root.join("away")).unwrap();
    assert_eq!(bench.report(), ["part/src/lib.rs"]);
}
