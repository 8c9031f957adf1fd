//! What is being watched, what it last was, and which events could concern it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::Interest;
use super::identity::Identity;
use super::resolved_path::{Route, absolute};
use super::tree::Grown;

/// The set of watched files and trees.
#[derive(Debug, Default)]
pub(super) struct Watched {
    files: BTreeMap<PathBuf, Watch>,
    trees: Vec<Grown>,
}

/// One watched file.
#[derive(Debug)]
struct Watch {
    absolute: PathBuf,
    /// What it was when last told.
    told: Identity,
    /// Every name on the way: an event on another name does not concern it.
    names: BTreeSet<OsString>,
    /// Where the content is.
    end: Option<PathBuf>,
    /// An event says that its content was written, whatever the clock of its mtime says.
    written: bool,
}

impl Watched {
    /// Watches this from now on. What is watched already keeps what was last told of it.
    pub(super) fn set(&mut self, interest: Interest) -> io::Result<()> {
        let mut kept = BTreeMap::new();
        for file in interest.files {
            let watch = match self.files.remove(&file) {
                Some(watch) => watch,
                None => Watch::new(absolute(&file)?),
            };
            kept.insert(file, watch);
        }
        self.files = kept;
        let mut trees = std::mem::take(&mut self.trees);
        let grown = interest.trees.into_iter().map(|tree| {
            let known = trees.iter().position(|known| *known.tree() == tree);
            known.map_or_else(|| Grown::new(tree), |at| trees.swap_remove(at))
        });
        self.trees = grown.collect();
        Ok(())
    }

    /// Every tree is to be walked, whatever was heard.
    pub(super) fn stir_all(&mut self) {
        self.trees.iter_mut().for_each(Grown::stir);
    }

    /// Follows every path and walks every stirred tree anew, and says which directories the way leads through.
    pub(super) fn retrace(&mut self) -> BTreeSet<PathBuf> {
        let mut dirs = BTreeSet::new();
        for watch in self.files.values_mut() {
            let route = Route::trace(&watch.absolute);
            watch.follow(&route);
            dirs.extend(route.steps.into_iter().map(|step| step.dir));
        }
        for tree in &mut self.trees {
            if tree.is_stirred() {
                tree.walk();
            }
            dirs.extend(tree.dirs());
        }
        dirs
    }

    /// Whether something at `path` could concern a watched file; the trees that it concerns are stirred.
    pub(super) fn concerns(&mut self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default();
        let mut any = self.files.values().any(|watch| watch.names.contains(name));
        for tree in self.trees.iter_mut().filter(|tree| tree.concerns(path)) {
            tree.stir();
            any = true;
        }
        any
    }

    /// Notes that the content of the file at `path` was written.
    pub(super) fn note_written(&mut self, path: &Path) {
        for watch in self.files.values_mut() {
            watch.written |= watch.end.as_deref() == Some(path);
        }
        for tree in &mut self.trees {
            tree.note_written(path);
        }
    }

    /// The files that are not what was last told of them; this tells it. Those of trees as the last
    /// [`Watched::retrace`] has found them.
    pub(super) fn changed(&mut self) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for (file, watch) in &mut self.files {
            let now = watch.follow(&Route::trace(&watch.absolute.clone()));
            if now != watch.told || watch.written {
                changed.push(file.clone());
            }
            watch.told = now;
            watch.written = false;
        }
        changed.extend(self.trees.iter_mut().flat_map(Grown::changed));
        changed
    }
}

impl Watch {
    fn new(absolute: PathBuf) -> Self {
        let route = Route::trace(&absolute);
        let told = Identity::of(&route);
        let mut watch = Self {
            absolute,
            told,
            names: BTreeSet::new(),
            end: None,
            written: false,
        };
        watch.follow(&route);
        watch
    }

    fn follow(&mut self, route: &Route) -> Identity {
        self.names = route.steps.iter().map(|step| step.name.clone()).collect();
        self.end = route.end().map(super::resolved_path::Step::path);
        Identity::of(route)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn watching(file: &Path) -> Watched {
        let mut watched = Watched::default();
        watched.set(Interest::files([file.to_path_buf()])).unwrap();
        watched
    }

    #[test]
    fn an_unchanged_file_is_not_told_and_a_changed_one_once() {
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
    fn a_write_that_leaves_no_trace_is_told_if_an_event_says_so() {
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
    fn another_file_of_the_same_length_and_time_is_a_change() {
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
    fn a_mended_mode_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lib.so");
        fs::write(&file, "one").unwrap();
        let mut watched = watching(&file);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(watched.changed(), [file]);
    }

    #[test]
    fn a_link_that_points_elsewhere_is_a_change_even_to_the_same_file() {
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
    fn setting_the_files_anew_forgets_no_change() {
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
    fn only_trees_that_were_heard_of_are_walked_until_all_are() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let [a, b] = ["a", "b"].map(|name| root.join(name));
        for tree in [&a, &b] {
            fs::create_dir(tree).unwrap();
        }
        let tree = |root: &PathBuf| crate::load::watch::Tree {
            root: root.clone(),
            without: BTreeSet::new(),
        };
        let mut watched = Watched::default();
        let trees = [tree(&a), tree(&b)].into();
        let files = BTreeSet::new();
        watched.set(Interest { files, trees }).unwrap();
        let look = |watched: &mut Watched| {
            watched.retrace();
            watched.changed()
        };
        let [in_a, in_b] = [a.join("lib.rs"), b.join("lib.rs")];
        fs::write(&in_a, "").unwrap();
        // Nobody listened yet.
        assert_eq!(look(&mut watched), std::slice::from_ref(&in_a));
        for file in [&in_a, &in_b] {
            fs::write(file, "more").unwrap();
        }
        assert!(look(&mut watched).is_empty());
        assert!(watched.concerns(&in_b));
        assert_eq!(look(&mut watched), [in_b]);
        watched.stir_all();
        assert_eq!(look(&mut watched), [in_a]);
    }

    #[test]
    fn every_name_on_the_way_concerns_it_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("releases/42")).unwrap();
        symlink("releases/42", dir.path().join("current")).unwrap();
        let mut watched = watching(&dir.path().join("current/lib.so"));
        for name in ["current", "releases", "42", "lib.so"] {
            assert!(watched.concerns(&Path::new("/any").join(name)), "{name}");
        }
        assert!(!watched.concerns(&dir.path().join("lib.so.tmp")));
    }
}
