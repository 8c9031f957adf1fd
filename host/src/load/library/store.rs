//! Saved libraries: they outlive the worker that loaded them, so that its successor can load them again.
//!
//! A saved library is a hard link to the worker's own copy. While the link exists, no part of the copy is
//! removed (`load::reclaim`). The directory is private to this program, so its content is trusted.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Library;
use super::runtime_dir::create_private;

/// How many bytes are copied at a time.
const CHUNK: usize = 64 << 10;

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
        create_folder(&folder)?;
        let saved = folder.join(copy.file_name().unwrap_or_default());
        match link(copy, &saved) {
            // A cleaner of temporary directories has removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                library.copy.write_to(&saved)?
            }
            linked => linked?,
        }
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

/// Creates a folder of the store, and the store itself if a cleaner of temporary directories has removed it.
///
/// # Errors
///
/// When a directory can't be created, or the store's path is not private.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    if let Some(store) = folder.parent() {
        create_private(store)?;
    }
    create_private(folder)
}

/// Writes the content of `from` to a read-only file at `path`, atomically. `each` gets every chunk.
///
/// # Errors
///
/// When the content can't be read or written.
pub(crate) fn write_copy(from: &File, path: &Path, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let part = path.with_extension("part");
    // An earlier attempt may have left it.
    let _ = fs::remove_file(&part);
    let mut to = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o500)
        .open(&part)?;
    let (mut chunk, mut offset) = (vec![0; CHUNK], 0);
    loop {
        let count = match from.read_at(&mut chunk, offset) {
            Ok(0) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        each(&chunk[..count]);
        to.write_all(&chunk[..count])?;
        offset += count as u64;
    }
    fs::rename(part, path)
}

/// Links the file `from` to `to`; if that exists, it has the same content.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            write_copy(&File::open(from)?, to, |_| ())
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
