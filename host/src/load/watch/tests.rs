use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Instant;

use super::*;

/// No test is to pass by polling, or by the heartbeat, what it should hear.
static PATIENT: LazyLock<Rhythm> = LazyLock::new(|| Rhythm {
    poll: Duration::from_secs(600),
    heartbeat: Duration::from_secs(600),
    ..Rhythm::default()
});

struct Bench {
    _dir: tempfile::TempDir,
    root: PathBuf,
    watch: Watch,
    reports: tokio_mpsc::Receiver<Changed>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Watch::new(*PATIENT).unwrap())
    }

    fn with((watch, reports): (Watch, tokio_mpsc::Receiver<Changed>)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        Self {
            _dir: dir,
            root,
            watch,
            reports,
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

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.root.join(from), self.root.join(to)).unwrap();
    }

    /// Replaces a link as `ln -sfn` and deployment tools do, by renaming.
    fn point(&self, link: &str, target: &str) {
        symlink(target, self.root.join(".link")).unwrap();
        self.rename(".link", link);
    }

    fn mkdir(&self, name: &str) {
        fs::create_dir_all(self.root.join(name)).unwrap();
    }

    /// The next report, as names in the bench; none within five seconds is a failure.
    fn report(&mut self) -> Vec<String> {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            if let Ok(changed) = self.reports.try_recv() {
                return changed.paths.iter().map(|path| self.short(path)).collect();
            }
            assert!(Instant::now() < end, "no report");
            thread::sleep(Duration::from_micros(200));
        }
    }

    fn short(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Nothing but the change of `marker` is reported: events come in order, so whatever was
    /// done before would have been reported with it or before it.
    fn nothing_but(&mut self, marker: &str) {
        self.write(marker, "a mark");
        assert_eq!(self.report(), [marker]);
    }

    /// Reads reports until one names `name`, for changes that may be told in parts.
    fn until(&mut self, name: &str) {
        while !self.report().iter().any(|path| path == name) {}
    }
}

#[test]
fn a_write_in_place_is_reported() {
    let mut bench = Bench::new();
    bench.write("lib.so", "one");
    bench.watch(&["lib.so"]);
    bench.write("lib.so", "two");
    bench.until("lib.so");
}

#[test]
fn a_rename_over_it_is_reported_once() {
    let mut bench = Bench::new();
    bench.write("lib.so", "one");
    bench.watch(&["lib.so", "marker"]);
    bench.write("lib.so.tmp", "two");
    bench.rename("lib.so.tmp", "lib.so");
    assert_eq!(bench.report(), ["lib.so"]);
    bench.nothing_but("marker");
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
    bench.nothing_but("marker");
}

#[test]
fn a_link_that_is_pointed_elsewhere_is_reported() {
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
fn a_link_in_the_middle_of_the_path_is_followed_anew() {
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
fn a_file_in_directories_that_are_absent_at_first_is_reported_when_it_appears() {
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
fn a_directory_that_is_made_anew_is_heard_again() {
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
fn a_directory_that_is_exchanged_by_renaming_is_heard_again() {
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
fn a_file_that_vanishes_for_a_moment_is_reported_once() {
    let mut bench = Bench::new();
    bench.write("lib.so", "one");
    bench.watch(&["lib.so", "marker"]);
    // As cargo does: remove the output, link the new one there.
    bench.write("deps.so", "three");
    fs::remove_file(bench.root.join("lib.so")).unwrap();
    fs::hard_link(bench.root.join("deps.so"), bench.root.join("lib.so")).unwrap();
    assert_eq!(bench.report(), ["lib.so"]);
    bench.nothing_but("marker");
}

#[test]
fn a_file_that_goes_for_good_is_reported() {
    let mut bench = Bench::new();
    bench.write("lib.so", "one");
    bench.watch(&["lib.so"]);
    fs::remove_file(bench.root.join("lib.so")).unwrap();
    assert_eq!(bench.report(), ["lib.so"]);
}

#[test]
fn what_is_no_longer_set_is_no_longer_reported() {
    let mut bench = Bench::new();
    bench.watch(&["one", "marker"]);
    bench.watch(&["marker"]);
    bench.write("one", "x");
    bench.nothing_but("marker");
}

#[test]
fn changes_gather_while_nobody_receives() {
    let mut bench = Bench::new();
    let names: Vec<String> = (0..20).map(|n| format!("file{n:02}")).collect();
    bench.watch(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for name in &names {
        bench.write(name, "x");
        thread::sleep(Duration::from_millis(8));
    }
    let mut told = Vec::new();
    while told.len() < names.len() {
        told.extend(bench.report());
    }
    told.sort();
    assert_eq!(told, names);
}

#[test]
fn without_the_systems_help_it_looks_now_and_then() {
    let rhythm = Rhythm {
        poll: Duration::from_millis(10),
        ..*PATIENT
    };
    let mut bench = Bench::with(Watch::polling(rhythm).unwrap());
    bench.watch(&["dir/lib.so"]);
    bench.mkdir("dir");
    bench.write("dir/lib.so", "one");
    bench.until("dir/lib.so");
    // The first may have been seen by the look that follows `set`.
    bench.write("dir/lib.so", "longer");
    bench.until("dir/lib.so");
}

#[test]
fn what_the_system_does_not_report_is_seen_at_the_heartbeat() {
    let rhythm = Rhythm {
        heartbeat: Duration::from_millis(10),
        ..*PATIENT
    };
    let (messages, inbox) = mpsc::channel();
    let quiet = Ears::open(|_lost| ());
    let mut bench = Bench::with(Watch::start(rhythm, quiet, messages, inbox).unwrap());
    bench.watch(&["lib.so"]);
    bench.write("lib.so", "one");
    bench.until("lib.so");
    // The first may have been seen by the look that follows `set`.
    bench.write("lib.so", "longer");
    bench.until("lib.so");
}

#[test]
fn it_ends_with_its_receiver_and_says_so() {
    let bench = Bench::with(Watch::new(Rhythm::default()).unwrap());
    drop(bench.reports);
    let end = Instant::now() + Duration::from_secs(5);
    while bench.watch.set(Interest::default()).is_ok() {
        assert!(Instant::now() < end, "the thread goes on");
    }
}

#[test]
fn a_rename_is_reported_within_milliseconds() {
    let mut bench = Bench::new();
    bench.write("lib.so", "one");
    bench.watch(&["lib.so"]);
    let mut took: Vec<Duration> = (0..20)
        .map(|round| {
            bench.write("tmp", &"x".repeat(round + 4));
            thread::sleep(Duration::from_millis(10));
            let start = Instant::now();
            bench.rename("tmp", "lib.so");
            bench.until("lib.so");
            start.elapsed()
        })
        .collect();
    took.sort();
    println!("median {:?}, worst {:?}", took[10], took[19]);
    assert!(
        took[10] < Duration::from_millis(30),
        "median {:?}",
        took[10]
    );
}

#[test]
fn a_tree_tells_of_files_in_folders_that_were_not_there() {
    let mut bench = Bench::new();
    bench.mkdir("crate/src");
    bench.write("crate/src/lib.rs", "one");
    let tree = |root: &str| Tree {
        root: bench.root.join(root),
        without: [bench.root.join(root).join("target")].into(),
    };
    let (trees, files) = (
        [tree("crate"), tree("part")].into(),
        [bench.root.join("lock")].into(),
    );
    bench.watch.set(Interest { files, trees }).unwrap();
    // Whole from one moment to the next: a write in two steps may be told twice.
    let place = |bench: &Bench, name: &str| {
        bench.write(".whole", name);
        bench.rename(".whole", name);
    };
    let before = Instant::now();
    bench.mkdir("crate/target");
    bench.write("crate/target/lib.so", "x");
    bench.write("crate/src/.lib.rs.swp", "x");
    place(&bench, "crate/src/lib.rs");
    assert_eq!(bench.report(), ["crate/src/lib.rs"]);
    bench.mkdir("crate/src/deep/er");
    place(&bench, "crate/src/deep/er/mod.rs");
    assert_eq!(bench.report(), ["crate/src/deep/er/mod.rs"]);
    bench.mkdir("part/src");
    place(&bench, "part/src/lib.rs");
    assert_eq!(bench.report(), ["part/src/lib.rs"]);
    place(&bench, "lock");
    let changed = bench.reports.blocking_recv().unwrap();
    assert_eq!(changed.paths, [bench.root.join("lock")]);
    assert!(before < changed.first && changed.first < Instant::now());
    fs::rename(bench.root.join("part"), bench.root.join("away")).unwrap();
    assert_eq!(bench.report(), ["part/src/lib.rs"]);
}
