//! A watched tree: its files, and the directories where new ones may appear.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use checked_file::ResolvedPath;
use ignore::{DirEntry, WalkBuilder};

use super::identity::FileStat;
use super::interest::Tree;

/// How many entries of a tree are watched at most. A crate has hundreds; a data set that lies in one may have millions.
const MAX_ENTRIES: usize = 20_000;

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
    /// Whether a walk has found more than [`MAX_ENTRIES`], which is logged once.
    truncated: bool,
}

/// The files of a tree that are watched because of their place, without those that it includes by name.
pub(crate) fn files_of(tree: &Tree) -> BTreeSet<PathBuf> {
    let mut tree = tree.clone();
    tree.included.clear();
    WatchedTree::new(tree).found.into_keys().collect()
}

/// The state of the files below `root`, which are watched because of their place, without those that are ignored by their path
/// in it: another number after each change.
pub(crate) fn state_of_files(root: &Path, is_ignored: fn(&Path) -> bool) -> u64 {
    let files = WatchedTree::new(Tree::whole(root.to_path_buf())).found;
    let mut hasher = DefaultHasher::new();
    for (path, stat) in files {
        let Ok(path) = path.strip_prefix(root) else {
            continue;
        };
        if !is_ignored(path) {
            (path, stat).hash(&mut hasher);
        }
    }
    hasher.finish()
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
            truncated: false,
        };
        watched.walk();
        watched.reported = watched.found.clone();
        watched
    }

    /// Whether `tree` is the same directory without the same parts of it.
    pub(super) fn is_same_directory(&self, tree: &Tree) -> bool {
        self.tree.root == tree.root && self.tree.excluded == tree.excluded
    }

    /// Replaces the files that count even if they are hidden or ignored. A new one is reported when it changes from now on.
    pub(super) fn include(&mut self, included: BTreeSet<PathBuf>) {
        for path in included.difference(&self.tree.included) {
            if let Ok(metadata) = fs::metadata(path) {
                let stat = FileStat::of(&metadata);
                self.reported
                    .entry(path.clone())
                    .or_insert_with(|| stat.clone());
                self.found.entry(path.clone()).or_insert(stat);
            }
        }
        self.dirty |= included != self.tree.included;
        self.tree.included = included;
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
        let walk = walk_builder(&self.tree.root)
            .filter_entry(move |entry| is_included(entry) && !excluded.contains(entry.path()))
            .build();
        // An unreadable entry is reported once it is readable.
        for (count, entry) in walk.filter_map(Result::ok).enumerate() {
            if count == MAX_ENTRIES {
                self.warn_truncated();
                break;
            }
            let path = entry.path().to_path_buf();
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => drop(self.dirs.insert(path)),
                Ok(metadata) => drop(self.found.insert(path, FileStat::of(&metadata))),
                Err(_) => {}
            }
        }
        for path in &self.tree.included {
            self.dirs.extend(path.parent().map(Path::to_path_buf));
            if let Ok(metadata) = fs::metadata(path) {
                self.found.insert(path.clone(), FileStat::of(&metadata));
            }
        }
    }

    fn warn_truncated(&mut self) {
        if !std::mem::replace(&mut self.truncated, true) {
            tracing::warn!(
                event = "watch-truncated",
                "`{}` has more than {MAX_ENTRIES} files and folders: only the first of them, and the files that rustc has \
                 read, are watched\n  = help: move data out of the crate, or list it in `.gitignore`",
                self.tree.root.display()
            );
        }
    }

    /// Whether an event for `path` is relevant to the tree.
    pub(super) fn is_relevant(&self, path: &Path) -> bool {
        if self.tree.root.starts_with(path) {
            return true;
        }
        if self.tree.included.contains(path) {
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
        let differs = |(path, now): &(&PathBuf, &FileStat)| {
            let reported = self.reported.get(*path);
            !reported.is_some_and(|before| before.is_unchanged(now))
        };
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

/// Walks a tree as git sees it. If git ignores the tree itself, as below a home folder whose `.gitignore` has `*`, its
/// rules say nothing about the files in it, and none of those that ignore it applies.
fn walk_builder(root: &Path) -> WalkBuilder {
    let mut walk = WalkBuilder::new(root);
    // `.gitignore` applies before the first `git init`, too.
    walk.require_git(false);
    if finds_nothing(&walk) {
        walk.parents(false).git_global(false);
    }
    if finds_nothing(&walk) {
        walk.git_ignore(false).git_exclude(false).ignore(false);
    }
    walk
}

/// Whether no entry of the tree's root is left, although it has some that are not hidden.
fn finds_nothing(walk: &WalkBuilder) -> bool {
    let mut walk = walk.clone();
    let mut entries = walk.max_depth(Some(1)).build().filter_map(Result::ok);
    let any = |mut walk: WalkBuilder| {
        let walk = walk.standard_filters(false).hidden(true).build();
        walk.filter_map(Result::ok).any(|entry| entry.depth() == 1)
    };
    !entries.any(|entry| entry.depth() == 1) && any(walk.clone())
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
                included: BTreeSet::new(),
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
    fn included_file_counts_although_it_is_ignored_or_hidden() {
        let mut bench = Bench::new(&[]);
        bench.write(".gitignore", "gen.rs\n");
        for name in ["src/gen.rs", ".env", "src/lib.rs"] {
            bench.write(name, "");
        }
        assert_eq!(bench.changed(), ["src/lib.rs"]);
        let included = ["src/gen.rs", ".env"].map(|name| bench.root.join(name));
        bench.watched.include(included.clone().into());
        assert!(included.iter().all(|path| bench.watched.is_relevant(path)));
        assert!(bench.changed().is_empty(), "known when they are included");
        bench.write("src/gen.rs", "more");
        bench.write(".env", "A=1");
        assert_eq!(bench.changed(), [".env", "src/gen.rs"]);
        fs::remove_file(bench.root.join(".env")).unwrap();
        assert_eq!(bench.changed(), [".env"]);
    }

    #[test]
    fn tree_that_git_ignores_as_a_whole_is_watched() {
        let mut bench = Bench::new(&[]);
        fs::write(bench.root.with_file_name(".gitignore"), "*\n").unwrap();
        bench.write(".gitignore", "made.rs\n");
        bench.write("made.rs", "");
        bench.write("src/lib.rs", "");
        assert_eq!(bench.changed(), ["src/lib.rs"], "its own rules apply");
        bench.write(".gitignore", "*\n");
        bench.write("src/lib.rs", "more");
        assert_eq!(bench.changed(), ["made.rs", "src/lib.rs"]);
    }

    #[test]
    fn link_is_an_entry_and_is_not_followed() {
        let mut bench = Bench::new(&[]);
        let far = bench.root.with_file_name("far");
        fs::create_dir_all(far.join("deep")).unwrap();
        fs::write(far.join("deep/x.rs"), "").unwrap();
        std::os::unix::fs::symlink(&far, bench.root.join("result")).unwrap();
        assert_eq!(bench.changed(), ["result"]);
        fs::write(far.join("deep/x.rs"), "more").unwrap();
        assert!(bench.changed().is_empty());
        assert!(!bench.watched.dirs().any(|dir| dir.ends_with("deep")));
    }

    #[test]
    fn walk_is_bounded() {
        let mut bench = Bench::new(&[]);
        for index in 0..MAX_ENTRIES + 10 {
            fs::write(bench.root.join(format!("src/{index}")), "").unwrap();
        }
        bench.watched.walk();
        assert!(bench.watched.truncated && bench.watched.found.len() <= MAX_ENTRIES);
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
