//! Saved libraries: they outlive the worker that loaded them, so that its successor can load them again.
//!
//! A saved library is a hard link to the worker's own copy. While the link exists, no part of the copy is
//! removed (`load::reclaim`). The directory is private to this program, so its content is trusted.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Library;

/// The directory of saved libraries.
#[derive(Debug, Clone)]
pub struct LibraryStore(PathBuf);

impl LibraryStore {
    /// The store in the directory `path`.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Saves a library for this generation, and returns its path.
    ///
    /// # Errors
    ///
    /// When the directory can't be written.
    pub fn save(&self, library: &Library, generation: u64) -> io::Result<PathBuf> {
        let copy = &library.copy.path;
        let folder = self.0.join(generation.to_string());
        fs::create_dir_all(&folder)?;
        let saved = folder.join(copy.file_name().unwrap_or_default());
        link(copy, &saved)?;
        Ok(saved)
    }

    /// Removes all libraries of the generations up to `last` that are not in `wanted`. A later generation is
    /// being built, and its libraries may not be in `wanted` yet. Failures only waste space.
    pub fn prune(&self, last: u64, wanted: &HashSet<&Path>) {
        for folder in entries(&self.0) {
            let number = folder.file_name().and_then(OsStr::to_str);
            let number: Option<u64> = number.and_then(|number| number.parse().ok());
            if number.is_none_or(|number| number > last) {
                continue;
            }
            for file in entries(&folder) {
                if !wanted.contains(file.as_path()) {
                    let _ = fs::remove_file(file);
                }
            }
            // Succeeds only if it is empty.
            let _ = fs::remove_dir(folder);
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// Links the file `from` to `to`; if that exists, it has the same content.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let part = to.with_extension("part");
            fs::copy(from, &part)?;
            fs::rename(part, to)
        }
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_library_survives_its_copy_until_pruned() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("own");
        fs::create_dir(&own).unwrap();
        let store = LibraryStore::new(dir.path().join("vault"));
        let folders = [1, 2, 3].map(|number| store.0.join(number.to_string()));
        folders
            .iter()
            .for_each(|folder| fs::create_dir_all(folder).unwrap());
        for name in ["a", "b"] {
            fs::write(own.join(name), name).unwrap();
            for folder in &folders {
                link(&own.join(name), &folder.join(name)).unwrap();
                link(&own.join(name), &folder.join(name)).unwrap();
            }
        }
        fs::remove_dir_all(&own).unwrap();
        let a = folders[1].join("a");
        store.prune(2, &HashSet::from([a.as_path()]));
        assert_eq!(fs::read_to_string(&a).unwrap(), "a");
        assert!(!folders[1].join("b").exists());
        assert!(!folders[0].exists());
        // The third generation is still being built.
        assert!(folders[2].join("a").exists() && folders[2].join("b").exists());
    }
}
