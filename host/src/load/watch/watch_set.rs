//! The watched files and trees, their last reported state, and which events are relevant to them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use checked_file::{ResolvedPath, Step, absolute};

use super::Interest;
use super::identity::Identity;
use super::tree::WatchedTree;

/// The watched files and trees.
#[derive(Debug, Default)]
pub(super) struct WatchSet {
    files: BTreeMap<PathBuf, WatchedFile>,
    trees: Vec<WatchedTree>,
}

/// One watched file.
#[derive(Debug)]
struct WatchedFile {
    absolute: PathBuf,
    /// Its state in the last report.
    reported: Identity,
    /// Every name on the way: events for other names are irrelevant.
    names: BTreeSet<OsString>,
    /// The file that the path leads to.
    end: Option<PathBuf>,
    /// An event says that its content was written. The mtime may be too coarse to show it.
    written: bool,
}

impl WatchSet {
    /// Watches this from now on. What is watched already keeps its last reported state.
    pub(super) fn set(&mut self, interest: Interest) -> io::Result<()> {
        let mut kept = BTreeMap::new();
        for file in interest.files {
            let watch = match self.files.remove(&file) {
                Some(watch) => watch,
                None => WatchedFile::new(absolute(&file)?),
            };
            kept.insert(file, watch);
        }
        self.files = kept;
        let mut trees = std::mem::take(&mut self.trees);
        let watched = interest.trees.into_iter().map(|tree| {
            let known = trees
                .iter()
                .position(|known| known.is_same_directory(&tree));
            match known.map(|at| trees.swap_remove(at)) {
                Some(mut known) => {
                    known.include(tree.included);
                    known
                }
                None => WatchedTree::new(tree),
            }
        });
        self.trees = watched.collect();
        Ok(())
    }

    /// Marks every tree for a walk.
    pub(super) fn mark_all_dirty(&mut self) {
        self.trees.iter_mut().for_each(WatchedTree::mark_dirty);
    }

    /// Resolves every path and walks every dirty tree. Returns all directories on the way.
    pub(super) fn refresh(&mut self) -> BTreeSet<PathBuf> {
        let mut dirs = BTreeSet::new();
        for watch in self.files.values_mut() {
            let resolved = ResolvedPath::resolve(&watch.absolute);
            watch.follow(&resolved);
            dirs.extend(resolved.steps.into_iter().map(|step| step.dir));
        }
        for tree in &mut self.trees {
            if tree.is_dirty() {
                tree.walk();
            }
            dirs.extend(tree.dirs());
        }
        dirs
    }

    /// Whether an event for `path` is relevant to a file or tree. Marks those trees dirty.
    pub(super) fn is_relevant(&mut self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default();
        let mut any = self.files.values().any(|watch| watch.names.contains(name));
        for tree in self.trees.iter_mut().filter(|tree| tree.is_relevant(path)) {
            tree.mark_dirty();
            any = true;
        }
        any
    }

    /// Records that the content of the file at `path` was written.
    pub(super) fn note_written(&mut self, path: &Path) {
        for watch in self.files.values_mut() {
            watch.written |= watch.end.as_deref() == Some(path);
        }
        for tree in &mut self.trees {
            tree.note_written(path);
        }
    }

    /// The files whose state differs from the last report; this reports them. Trees are compared as the last
    /// [`WatchSet::refresh`] found them.
    pub(super) fn changed(&mut self) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for (file, watch) in &mut self.files {
            let now = watch.follow(&ResolvedPath::resolve(&watch.absolute.clone()));
            if watch.written || !watch.reported.is_unchanged(&now) {
                changed.push(file.clone());
            }
            watch.reported = now;
            watch.written = false;
        }
        changed.extend(self.trees.iter_mut().flat_map(WatchedTree::changed));
        changed
    }
}

impl WatchedFile {
    fn new(absolute: PathBuf) -> Self {
        let resolved = ResolvedPath::resolve(&absolute);
        let reported = Identity::of(&resolved);
        let mut watch = Self {
            absolute,
            reported,
            names: BTreeSet::new(),
            end: None,
            written: false,
        };
        watch.follow(&resolved);
        watch
    }

    fn follow(&mut self, resolved: &ResolvedPath) -> Identity {
        self.names = resolved
            .steps
            .iter()
            .map(|step| step.name.clone())
            .collect();
        self.end = resolved.target().map(Step::path);
        Identity::of(resolved)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn watching(file: &Path) -> WatchSet {
        let mut watched = WatchSet::default();
        watched.set(Interest::files([file.to_path_buf()])).unwrap();
        watched
    }

    #[test]
    fn changed_file_is_reported_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lib.so");
        fs::write(&file, "one").unwrap();
        let mut watched = watching(&file);
        fs::write(dir.path().join("other"), "x").unwrap();
        assert!(watched.changed().is_empty());
        fs::write(&file, "longer").unwrap();
        assert_eq!(watched.changed(), std::slice::from_ref(&file));
        assert!(watched.changed().is_empty());
    }

    #[test]
    fn write_within_the_clock_tick_is_reported_by_its_event() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().canonicalize().unwrap().join("lib.so");
        fs::write(&file, "one").unwrap();
        let mut watched = watching(&file);
        watched.note_written(&dir.path().join("other"));
        assert!(watched.changed().is_empty());
        watched.note_written(&file);
        assert_eq!(watched.changed(), [file]);
    }

    #[test]
    fn replacement_of_equal_length_and_time_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let (file, other) = (dir.path().join("lib.so"), dir.path().join("other"));
        let time = std::time::SystemTime::UNIX_EPOCH;
        for path in [&file, &other] {
            fs::write(path, "one").unwrap();
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
        let mut watched = watching(&file);
        fs::rename(&other, &file).unwrap();
        assert_eq!(watched.changed(), [file]);
    }

    #[test]
    fn content_of_equal_length_with_its_time_set_back_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lib.so");
        fs::write(&file, "one").unwrap();
        let mut watched = watching(&file);
        let before = fs::metadata(&file).unwrap();
        // The system's clock is coarse: the first write that it can tell from the one before.
        while fs::metadata(&file).unwrap().ctime_nsec() == before.ctime_nsec() {
            fs::write(&file, "two").unwrap();
            let written = fs::File::options().write(true).open(&file).unwrap();
            written.set_modified(before.modified().unwrap()).unwrap();
        }
        assert_eq!(watched.changed(), [file]);
    }

    #[test]
    fn hard_link_to_the_file_is_no_change() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("lib.so"), dir.path().join("link"));
        fs::write(&file, "one").unwrap();
        let before = fs::metadata(&file).unwrap();
        let mut watched = watching(&file);
        while fs::metadata(&file).unwrap().ctime_nsec() == before.ctime_nsec() {
            let _ = fs::remove_file(&link);
            fs::hard_link(&file, &link).unwrap();
        }
        assert!(watched.changed().is_empty());
        fs::remove_file(&link).unwrap();
        assert!(watched.changed().is_empty());
    }

    #[test]
    fn changed_mode_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lib.so");
        fs::write(&file, "one").unwrap();
        let mut watched = watching(&file);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(watched.changed(), [file]);
    }

    #[test]
    fn retargeted_link_is_a_change_even_to_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("lib.so"), dir.path().join("link"));
        fs::write(&file, "one").unwrap();
        symlink("lib.so", &link).unwrap();
        let mut watched = watching(&link);
        fs::remove_file(&link).unwrap();
        symlink("./lib.so", &link).unwrap();
        assert_eq!(watched.changed(), [link]);
    }

    #[test]
    fn new_set_keeps_pending_changes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lib.so");
        fs::write(&file, "one").unwrap();
        let mut watched = watching(&file);
        fs::write(&file, "longer").unwrap();
        watched
            .set(Interest::files([file.clone(), dir.path().join("more")]))
            .unwrap();
        assert_eq!(watched.changed(), [file]);
    }

    #[test]
    fn only_dirty_trees_are_walked() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let [a, b] = ["a", "b"].map(|name| root.join(name));
        for tree in [&a, &b] {
            fs::create_dir(tree).unwrap();
        }
        let tree = |root: &PathBuf| crate::load::watch::Tree {
            included: BTreeSet::new(),
            root: root.clone(),
            excluded: BTreeSet::new(),
        };
        let mut watched = WatchSet::default();
        let trees = [tree(&a), tree(&b)].into();
        let files = BTreeSet::new();
        watched.set(Interest { files, trees }).unwrap();
        let check = |watched: &mut WatchSet| {
            watched.refresh();
            watched.changed()
        };
        let [in_a, in_b] = [a.join("lib.rs"), b.join("lib.rs")];
        fs::write(&in_a, "").unwrap();
        // A new tree is dirty.
        assert_eq!(check(&mut watched), std::slice::from_ref(&in_a));
        for file in [&in_a, &in_b] {
            fs::write(file, "more").unwrap();
        }
        assert!(check(&mut watched).is_empty());
        assert!(watched.is_relevant(&in_b));
        assert_eq!(check(&mut watched), [in_b]);
        watched.mark_all_dirty();
        assert_eq!(check(&mut watched), [in_a]);
    }

    #[test]
    fn only_names_on_the_way_are_relevant() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("releases/42")).unwrap();
        symlink("releases/42", dir.path().join("current")).unwrap();
        let mut watched = watching(&dir.path().join("current/lib.so"));
        for name in ["current", "releases", "42", "lib.so"] {
            assert!(watched.is_relevant(&Path::new("/any").join(name)), "{name}");
        }
        assert!(!watched.is_relevant(&dir.path().join("lib.so.tmp")));
    }
}
