//! The libraries that the supervisor keeps for the next worker.
//!
//! Workers save them as files in a private directory. Cleaners of temporary directories remove such files, and a
//! removed file keeps its content only while it is open, so each library is kept open and its file is written
//! again when a worker needs it.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::library::store::{create_folder, write_copy};
use super::library::{
    BaseDir, FileStat, Fingerprint, Hasher, LibraryStore, RuntimeDir, RuntimeDirError,
};
use super::snapshot::SavedLibrary;

/// The directory of saved libraries, and the libraries themselves as open files.
#[derive(Debug)]
pub(crate) struct SavedLibraries {
    dir: RuntimeDir,
    /// By the paths of their files.
    open: HashMap<PathBuf, OpenLibrary>,
}

/// A saved library that is kept open.
#[derive(Debug)]
struct OpenLibrary {
    file: File,
    fingerprint: Fingerprint,
    /// As it was saved.
    stat: FileStat,
}

impl SavedLibraries {
    /// None yet, in a new directory.
    ///
    /// # Errors
    ///
    /// When no base directory is usable.
    pub(crate) fn create(bases: &[BaseDir]) -> Result<Self, RuntimeDirError> {
        let dir = RuntimeDir::create(bases)?;
        // Here and not in each worker: they find the same.
        dir.warn_of_untrusted();
        Ok(Self::in_dir(dir))
    }

    /// Takes over the directory that this process created before it executed this program.
    pub(crate) fn adopt(path: PathBuf, lock: File) -> Self {
        Self::in_dir(RuntimeDir::adopt(path, lock))
    }

    fn in_dir(dir: RuntimeDir) -> Self {
        Self {
            dir,
            open: HashMap::new(),
        }
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &RuntimeDir {
        &self.dir
    }

    /// Opens the libraries that a worker has saved.
    pub(crate) fn keep_open<'a>(&mut self, libraries: impl IntoIterator<Item = &'a SavedLibrary>) {
        // The worker may have created the directory again, without its lock.
        self.repair();
        for library in libraries {
            if self.open.contains_key(&library.copy) {
                continue;
            }
            match OpenLibrary::open(library) {
                Ok(open) => drop(self.open.insert(library.copy.clone(), open)),
                Err(error) => tracing::warn!(
                    "the saved library `{}` can't be opened: {error}",
                    library.copy.display()
                ),
            }
        }
    }

    /// Writes each library again whose file was removed or damaged. Where the content is lost as well, there is no
    /// file afterwards.
    pub(crate) fn restore<'a>(
        &mut self,
        libraries: impl IntoIterator<Item = &'a mut SavedLibrary>,
    ) {
        self.repair();
        for library in libraries {
            if let Err(error) = self.restore_one(library) {
                // A worker loads what is there.
                let _ = fs::remove_file(&library.copy);
                tracing::warn!(
                    event = "library-lost",
                    plugin = library.plugin,
                    "the saved library of `{}` is lost: {error}",
                    library.plugin
                );
            }
        }
    }

    /// Removes all libraries of the generations up to `last` whose files are not in `wanted`.
    pub(crate) fn prune(&mut self, last: u64, wanted: &HashSet<&Path>) {
        self.open.retain(|path, _| wanted.contains(path.as_path()));
        LibraryStore::new(self.dir.path().to_path_buf()).prune(last, wanted);
    }

    fn repair(&mut self) {
        if let Err(error) = self.dir.repair() {
            tracing::error!("libraries can't be saved: {error}");
        }
    }

    fn restore_one(&mut self, library: &mut SavedLibrary) -> io::Result<()> {
        if self.is_intact(library) {
            return Ok(());
        }
        library.copy = self.path_of(library);
        // It may have been written for another stack.
        if self.is_intact(library) {
            return Ok(());
        }
        let intact =
            |open: &&OpenLibrary| open.fingerprint == library.fingerprint && open.is_unchanged();
        let changed = || io::Error::other("its content was changed");
        let source = self.open.values().find(intact).ok_or_else(changed)?;
        if let Some(folder) = library.copy.parent() {
            create_folder(folder)?;
        }
        let mut hasher = Hasher::default();
        write_copy(&source.file, &library.copy, |chunk| hasher.update(chunk))?;
        if hasher.finish() != library.fingerprint {
            return Err(changed());
        }
        let open = OpenLibrary::open(library)?;
        self.open.insert(library.copy.clone(), open);
        Ok(())
    }

    /// Whether the library's file is the one that was saved. A file that was not opened before is taken as it is: a
    /// program before this one has kept it.
    fn is_intact(&mut self, library: &SavedLibrary) -> bool {
        let Ok(found) = OpenLibrary::open(library) else {
            return false;
        };
        match self.open.get(&library.copy) {
            Some(open) => open.stat.has_content_of(&found.stat),
            None => {
                self.open.insert(library.copy.clone(), found);
                true
            }
        }
    }

    /// Where the library belongs: its folder and name in the directory, which may be another one now.
    fn path_of(&self, library: &SavedLibrary) -> PathBuf {
        let copy = &library.copy;
        let folder = copy.parent().and_then(Path::file_name).unwrap_or_default();
        let name = copy.file_name().unwrap_or_default();
        self.dir.path().join(folder).join(name)
    }
}

impl OpenLibrary {
    fn open(library: &SavedLibrary) -> io::Result<Self> {
        let path = &library.copy;
        let found = fs::symlink_metadata(path)?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if found.permissions().mode() & 0o7777 != 0o500 {
            fs::set_permissions(path, Permissions::from_mode(0o500))?;
        }
        let file = File::open(path)?;
        let stat = FileStat::of(&file.metadata()?);
        Ok(Self {
            file,
            fingerprint: library.fingerprint,
            stat,
        })
    }

    fn is_unchanged(&self) -> bool {
        let now = self.file.metadata();
        now.is_ok_and(|now| FileStat::of(&now).has_content_of(&self.stat))
    }
}

#[cfg(test)]
#[path = "saved_libraries_tests.rs"]
mod tests;
