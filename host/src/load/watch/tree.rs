//! A tree that is watched: its files, and where new ones may appear.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use super::identity::End;
use super::interest::Tree;
use super::resolved_path::Route;

/// What marks a directory as a cache, as cargo marks its `target` (bford.info/cachedir).
const CACHE: &str = "CACHEDIR.TAG";

/// A tree, as it was when last told and as it was found last.
#[derive(Debug)]
pub(super) struct Grown {
    tree: Tree,
    told: BTreeMap<PathBuf, End>,
    found: BTreeMap<PathBuf, End>,
    /// Those in it, and those on the way to it.
    dirs: BTreeSet<PathBuf>,
    /// An event says that their content was written, whatever the clock of their mtime says.
    written: BTreeSet<PathBuf>,
    /// Whether it may differ from what was found: it is to be walked.
    stirred: bool,
}

impl Grown {
    pub(super) fn new(tree: Tree) -> Self {
        let mut grown = Self {
            tree,
            told: BTreeMap::new(),
            found: BTreeMap::new(),
            dirs: BTreeSet::new(),
            written: BTreeSet::new(),
            // What happens from here on is heard only when somebody listens.
            stirred: true,
        };
        grown.walk();
        grown.told = grown.found.clone();
        grown
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn dirs(&self) -> impl Iterator<Item = PathBuf> {
        self.dirs.iter().cloned()
    }

    /// It is to be walked.
    pub(super) fn stir(&mut self) {
        self.stirred = true;
    }

    /// Whether it is to be walked, until it is told.
    pub(super) fn is_stirred(&self) -> bool {
        self.stirred
    }

    /// Finds what there is now.
    pub(super) fn walk(&mut self) {
        let way = Route::trace(&self.tree.root);
        self.dirs = way.steps.into_iter().map(|step| step.dir).collect();
        self.found.clear();
        let without = self.tree.without.clone();
        let walk = WalkBuilder::new(&self.tree.root)
            // A crate is as good before its first `git init`.
            .require_git(false)
            .follow_links(true)
            .filter_entry(move |entry| belongs(entry) && !without.contains(entry.path()))
            .build();
        // What can't be read now is told when it can.
        for entry in walk.filter_map(Result::ok) {
            let path = entry.path().to_path_buf();
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => drop(self.dirs.insert(path)),
                Ok(metadata) => drop(self.found.insert(path, End::of(&metadata))),
                Err(_) => {}
            }
        }
    }

    /// Whether something at `path` could concern the tree.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        if self.tree.root.starts_with(path) {
            return true;
        }
        let here = path.parent().is_some_and(|dir| self.dirs.contains(dir));
        here && path.starts_with(&self.tree.root) && !path.file_name().is_none_or(is_dropped)
    }

    /// Notes that the content of the file at `path` was written.
    pub(super) fn note_written(&mut self, path: &Path) {
        if self.told.contains_key(path) {
            self.written.insert(path.to_path_buf());
        }
    }

    /// The files that were not last told to be what they were found to be; this tells it.
    pub(super) fn changed(&mut self) -> Vec<PathBuf> {
        let mut changed = std::mem::take(&mut self.written);
        let differs = |(path, end): &(&PathBuf, &End)| self.told.get(*path) != Some(*end);
        let new = self.found.iter().filter(differs).map(|(path, _)| path);
        let gone = self
            .told
            .keys()
            .filter(|path| !self.found.contains_key(*path));
        changed.extend(new.chain(gone).cloned());
        if self.stirred {
            self.told.clone_from(&self.found);
            self.stirred = false;
        }
        changed.into_iter().collect()
    }
}

fn belongs(entry: &DirEntry) -> bool {
    let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
    let is_cache = is_dir && entry.path().join(CACHE).exists();
    !is_cache && !is_dropped(entry.file_name())
}

/// Whether only an editor wants a file of this name.
fn is_dropped(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let ends = ["~", ".swp", ".swx", ".tmp", "___jb_tmp___", "___jb_old___"];
    // Vim asks with this number whether it may write.
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
        grown: Grown,
    }

    impl Bench {
        fn new(without: &[&str]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().canonicalize().unwrap().join("crate");
            fs::create_dir_all(root.join("src")).unwrap();
            let without = without.iter().map(|name| root.join(name)).collect();
            let tree = Tree {
                root: root.clone(),
                without,
            };
            Self {
                _dir: dir,
                grown: Grown::new(tree),
                root,
            }
        }

        fn write(&self, name: &str, content: &str) {
            let path = self.root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }

        fn changed(&mut self) -> Vec<String> {
            self.grown.stir();
            self.grown.walk();
            let short = |path: &PathBuf| path.strip_prefix(&self.root).unwrap().to_owned();
            let changed = self.grown.changed();
            let changed = changed.iter().map(short);
            changed
                .map(|path| path.to_str().unwrap().to_owned())
                .collect()
        }
    }

    #[test]
    fn what_appears_changes_and_goes_is_told_once() {
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
    fn a_write_that_leaves_no_trace_is_told_if_an_event_says_so() {
        let mut bench = Bench::new(&[]);
        bench.write("src/lib.rs", "");
        bench.changed();
        bench.grown.note_written(&bench.root.join("src/other.rs"));
        assert!(bench.changed().is_empty());
        bench.grown.note_written(&bench.root.join("src/lib.rs"));
        assert_eq!(bench.changed(), ["src/lib.rs"]);
        assert!(bench.changed().is_empty());
    }

    #[test]
    fn what_is_ignored_hidden_dropped_cached_or_left_out_is_nothing() {
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
    fn its_own_entries_and_its_way_concern_it_and_no_others() {
        let mut bench = Bench::new(&[]);
        bench.write("target/CACHEDIR.TAG", "");
        bench.changed();
        let concerns = |name: &str| bench.grown.concerns(&bench.root.join(name));
        assert!(concerns("src/new.rs") && concerns("Cargo.toml") && concerns(""));
        assert!(!concerns("target/debug") && !concerns("src/.lib.rs.swp"));
        assert!(!bench.grown.concerns(&bench.root.with_file_name("other")));
    }
}
