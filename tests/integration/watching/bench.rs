//! A folder of a site, watched as the host watches it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use stackup::load::watch::{ChangeSet, Interest, Timing, Tree, Watcher};
use stackup_tests::{artifacts, within};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use super::programs::Program;

const MANIFEST: &str = "config.ru.toml";
const LIBRARY: &str = "plugins/libhello.so";
const SOURCE: &str = "crate/src/lib.rs";
/// What cargo makes of [`SOURCE`] if it is built.
pub(super) const BUILT: &str = "crate/target/debug/libhello.so";
/// The files that programs change.
pub(super) const FILES: [&str; 3] = [MANIFEST, LIBRARY, SOURCE];
/// A link to a folder on another disk, if there is one.
pub(super) const ELSEWHERE: &str = "elsewhere";
/// A file that the bench itself changes last.
const LAST: &str = "last";

/// Folders on different file systems, as far as there are some: outside of `/tmp`, there, and in memory.
pub(super) fn places() -> Vec<PathBuf> {
    let disk = artifacts::target_dir();
    let memory = PathBuf::from("/dev/shm");
    let all = [disk, std::env::temp_dir(), memory];
    all.into_iter().filter(|place| place.is_dir()).collect()
}

/// Whether the places are on at least two file systems.
pub(super) fn has_two_disks() -> bool {
    places()
        .first()
        .and_then(|place| other_disk(place))
        .is_some()
}

/// A place on another file system.
fn other_disk(place: &Path) -> Option<PathBuf> {
    let disk = |place: &Path| fs::metadata(place).map(|stat| stat.dev()).ok();
    places()
        .into_iter()
        .find(|other| disk(other) != disk(place))
}

fn folder_in(place: &Path) -> TempDir {
    let mut folder = tempfile::Builder::new();
    let folder = folder.prefix("stackup-watch-").tempdir_in(place);
    folder.expect("a folder")
}

/// A site with files that a program changes.
pub(super) struct Bench {
    root: TempDir,
    _elsewhere: Option<TempDir>,
    program: Program,
    heard: Option<Heard>,
}

/// What a watcher has reported.
struct Heard {
    _watcher: Watcher,
    /// The content of each file when it was last reported.
    contents: watch::Receiver<BTreeMap<PathBuf, Vec<u8>>>,
}

impl Bench {
    /// A site in the folder `place`, prepared for the program.
    pub(super) fn new(place: &Path, program: Program) -> Self {
        let root = folder_in(place);
        let elsewhere = other_disk(place).map(|disk| folder_in(&disk));
        if let Some(folder) = &elsewhere {
            symlink(folder, root.path().join(ELSEWHERE)).expect("a link");
        }
        for name in FILES {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, "// value one\n").expect("a file");
        }
        (program.prepare)(root.path());
        Self {
            root,
            _elsewhere: elsewhere,
            program,
            heard: None,
        }
    }

    /// Watches with events, and compares nothing without one.
    pub(super) fn listen(&mut self) {
        let timing = Timing {
            poll: Duration::from_secs(600),
            heartbeat: Duration::from_secs(600),
            ..Timing::default()
        };
        self.watch(Watcher::new(timing).expect("a watcher"));
    }

    /// Watches without events.
    pub(super) fn poll(&mut self) {
        let timing = Timing {
            poll: Duration::from_millis(10),
            ..Timing::default()
        };
        self.watch(Watcher::polling(timing).expect("a watcher"));
    }

    fn watch(&mut self, (watcher, mut changes): (Watcher, mpsc::Receiver<ChangeSet>)) {
        let root = self.root.path().canonicalize().expect("the folder exists");
        let tree = Tree {
            root: root.join("crate"),
            excluded: [root.join("crate/target")].into(),
            included: BTreeSet::new(),
        };
        let files = [MANIFEST, LIBRARY, BUILT, LAST];
        let interest = Interest {
            files: files.map(|name| root.join(name)).into(),
            trees: [tree].into(),
        };
        watcher.set(interest).expect("a watcher");
        let (reported, contents) = watch::channel(BTreeMap::new());
        // Reads while the program still runs, as a reload does.
        std::thread::spawn(move || {
            while let Some(change) = changes.blocking_recv() {
                let read = |path: PathBuf| {
                    let content = fs::read(&path).unwrap_or_default();
                    let name = path.strip_prefix(&root).unwrap_or(&path);
                    (name.to_path_buf(), content)
                };
                let now: Vec<_> = change.paths.into_iter().map(read).collect();
                reported.send_modify(|contents| contents.extend(now));
            }
        });
        self.heard = Some(Heard {
            _watcher: watcher,
            contents,
        });
    }

    /// Has the program change its files.
    pub(super) fn change(&self) {
        let root = self.root.path();
        let read = |name: &&str| fs::read(root.join(name)).expect("a file");
        let before: Vec<_> = self.program.changes.iter().map(read).collect();
        (self.program.change)(root);
        let after: Vec<_> = self.program.changes.iter().map(read).collect();
        let changed = before.iter().zip(&after).all(|(old, new)| old != new);
        assert!(changed, "`{}` changes nothing", self.program.name);
    }

    /// Asserts that each change was reported when it was complete, and nothing else was.
    pub(super) async fn assert_heard(&mut self) {
        let (root, program) = (self.root.path().to_path_buf(), self.program);
        let heard = self.heard.as_mut().expect("it is watched");
        let is_final = |contents: &BTreeMap<PathBuf, Vec<u8>>, name: &str| {
            let reported = contents.get(Path::new(name));
            reported.is_some_and(|content| *content == fs::read(root.join(name)).expect("a file"))
        };
        let what = format!(
            "reports of what `{}` did in {}",
            program.name,
            root.display()
        );
        let all =
            |contents: &BTreeMap<_, _>| program.changes.iter().all(|name| is_final(contents, name));
        let reported = within(&what, heard.contents.wait_for(all)).await;
        drop(reported.expect("the watcher runs"));
        // Events come in order: what else has changed is reported by then.
        fs::write(root.join(LAST), "last").expect("a file");
        let last = |contents: &BTreeMap<_, _>| contents.contains_key(Path::new(LAST));
        let reported = within("the last change", heard.contents.wait_for(last)).await;
        let reported = reported.expect("the watcher runs");
        let names = reported.keys().filter_map(|path| path.to_str());
        let others: Vec<_> = names
            .filter(|name| *name != LAST && !program.changes.contains(name))
            .filter(|name| !(program.may_show)(name))
            .collect();
        assert!(others.is_empty(), "{what}: {others:?}");
    }
}
