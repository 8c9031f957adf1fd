//! A watched tree: its files, and the directories where new ones may appear.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use super::identity::FileStat;
use super::interest::Tree;
use super::resolved_path::ResolvedPath;

/// Marks a directory as a cache, such as cargo's `target` (bford.info/cachedir).
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// A tree as it was last reported and as the last walk found it.
#[derive(Debug)]
pub(super) struct WatchedTree {
    tree: Tree,
    reported: BTreeMap<PathBuf, FileStat>,
    found: BTreeMap<PathBuf, FileStat>,
    /// The directories in it, and those on the way to it.
    dirs: BTreeSet<PathBuf>,
    /// Files whose content was written according to an event. The mtime may be too coarse to show it.
    written: BTreeSet<PathBuf>,
    /// Whether it needs a walk: it may differ from the last one.
    dirty: bool,
}

impl WatchedTree {
    pub(super) fn new(tree: Tree) -> Self {
        let mut watched = Self {
            tree,
            reported: BTreeMap::new(),
            found: BTreeMap::new(),
            dirs: BTreeSet::new(),
            written: BTreeSet::new(),
            // Its directories are not watched yet, so changes until then cause no event.
            dirty: true,
        };
        watched.walk();
        watched.reported = watched.found.clone();
        watched
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn dirs(&self) -> impl Iterator<Item = PathBuf> {
        self.dirs.iter().cloned()
    }

    /// Marks it for a walk.
    pub(super) fn mark_dirty(&mut self) {
        self.dirty = true;
    }

    /// Whether it needs a walk.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Finds the files and directories that exist now.
    pub(super) fn walk(&mut self) {
        let path = ResolvedPath::resolve(&self.tree.root);
        self.dirs = path.steps.into_iter().map(|step| step.dir).collect();
        self.found.clear();
        let excluded = self.tree.excluded.clone();
        let walk = WalkBuilder::new(&self.tree.root)
            // `.gitignore` applies before the first `git init`, too.
            .require_git(false)
            .follow_links(true)
            .filter_entry(move |entry| is_included(entry) && !excluded.contains(entry.path()))
            .build();
        // An unreadable entry is reported once it is readable.
        for entry in walk.filter_map(Result::ok) {
            let path = entry.path().to_path_buf();
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => drop(self.dirs.insert(path)),
                Ok(metadata) => drop(self.found.insert(path, FileStat::of(&metadata))),
                Err(_) => {}
            }
        }
    }

    /// Whether an event for `path` is relevant to the tree.
    pub(super) fn is_relevant(&self, path: &Path) -> bool {
        if self.tree.root.starts_with(path) {
            return true;
        }
        let here = path.parent().is_some_and(|dir| self.dirs.contains(dir));
        here && path.starts_with(&self.tree.root) && !path.file_name().is_none_or(is_editor_file)
    }

    /// Records that the content of the file at `path` was written.
    pub(super) fn note_written(&mut self, path: &Path) {
        if self.reported.contains_key(path) {
            self.written.insert(path.to_path_buf());
        }
    }

    /// The files whose state differs from the last report; this reports them.
    pub(super) fn changed(&mut self) -> Vec<PathBuf> {
        let mut changed = std::mem::take(&mut self.written);
        let differs = |(path, end): &(&PathBuf, &FileStat)| self.reported.get(*path) != Some(*end);
        let new = self.found.iter().filter(differs).map(|(path, _)| path);
        let gone = self
            .reported
            .keys()
            .filter(|path| !self.found.contains_key(*path));
        changed.extend(new.chain(gone).cloned());
        if self.dirty {
            self.reported.clone_from(&self.found);
            self.dirty = false;
        }
        changed.into_iter().collect()
    }
}

fn is_included(entry: &DirEntry) -> bool {
    let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
    let is_cache = is_dir && entry.path().join(CACHE_TAG).exists();
    !is_cache && !is_editor_file(entry.file_name())
}

/// Whether a name is that of an editor's temporary file, or hidden.
fn is_editor_file(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let ends = ["~", ".swp", ".swx", ".tmp", "___jb_tmp___", "___jb_old___"];
    // Vim creates `4913` to test whether it can write.
    name.starts_with('.')
        || name.starts_with('#')
        || name == "4913"
        || ends.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Bench {
        _dir: tempfile::TempDir,
        root: PathBuf,
        watched: WatchedTree,
    }

    impl Bench {
        fn new(excluded: &[&str]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().canonicalize().unwrap().join("crate");
            fs::create_dir_all(root.join("src")).unwrap();
            let excluded = excluded.iter().map(|name| root.join(name)).collect();
            let tree = Tree {
                root: root.clone(),
                excluded,
            };
            Self {
                _dir: dir,
                watched: WatchedTree::new(tree),
                root,
            }
        }

        fn write(&self, name: &str, content: &str) {
            let path = self.root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }

        fn changed(&mut self) -> Vec<String> {
            self.watched.mark_dirty();
            self.watched.walk();
            let short = |path: &PathBuf| path.strip_prefix(&self.root).unwrap().to_owned();
            let changed = self.watched.changed();
            let changed = changed.iter().map(short);
            changed
                .map(|path| path.to_str().unwrap().to_owned())
                .collect()
        }
    }

    #[test]
    fn created_written_and_removed_files_are_reported_once() {
        let mut bench = Bench::new(&[]);
        bench.write("src/lib.rs", "mod deep;");
        bench.write("src/deep/mod.rs", "");
        assert_eq!(bench.changed(), ["src/deep/mod.rs", "src/lib.rs"]);
        bench.write("src/lib.rs", "mod deep; // more");
        assert_eq!(bench.changed(), ["src/lib.rs"]);
        fs::remove_dir_all(bench.root.join("src/deep")).unwrap();
        assert_eq!(bench.changed(), ["src/deep/mod.rs"]);
        assert!(bench.changed().is_empty());
    }

    #[test]
    fn write_within_the_clock_tick_is_reported_by_its_event() {
        let mut bench = Bench::new(&[]);
        bench.write("src/lib.rs", "");
        bench.changed();
        bench.watched.note_written(&bench.root.join("src/other.rs"));
        assert!(bench.changed().is_empty());
        bench.watched.note_written(&bench.root.join("src/lib.rs"));
        assert_eq!(bench.changed(), ["src/lib.rs"]);
        assert!(bench.changed().is_empty());
    }

    #[test]
    fn ignored_hidden_temporary_cached_and_excluded_files_are_not_reported() {
        let mut bench = Bench::new(&["nested"]);
        bench.write(".gitignore", "/made\n*.log\n");
        for name in [
            "made/all.rs",
            "src/x.log",
            ".git/index",
            "src/.lib.rs.swp",
            "src/lib.rs~",
            "src/4913",
            "src/#lib.rs#",
            "nested/src/lib.rs",
        ] {
            bench.write(name, "");
        }
        bench.write("out/CACHEDIR.TAG", "");
        bench.write("out/debug/x.rs", "");
        assert!(bench.changed().is_empty());
        bench.write("src/page.html", "");
        assert_eq!(bench.changed(), ["src/page.html"]);
    }

    #[test]
    fn only_its_entries_and_its_ancestors_are_relevant() {
        let mut bench = Bench::new(&[]);
        bench.write("target/CACHEDIR.TAG", "");
        bench.changed();
        let is_relevant = |name: &str| bench.watched.is_relevant(&bench.root.join(name));
        assert!(is_relevant("src/new.rs") && is_relevant("Cargo.toml") && is_relevant(""));
        assert!(!is_relevant("target/debug") && !is_relevant("src/.lib.rs.swp"));
        assert!(
            !bench
                .watched
                .is_relevant(&bench.root.with_file_name("other"))
        );
    }
}
