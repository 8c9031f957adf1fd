//! From a file to a loaded library, reusing earlier work.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::load::{Library, LoadError, load};
use super::loaded::LoadedLibraries;
use super::prepare::prepare_saved;
use super::store::write_copy;
use super::trust::check_owners;
use super::{
    Cause, FileStat, Fingerprint, Hasher, Metadata, PrepareError, Prepared, ReadError,
    Requirements, RuntimeDir, RuntimeDirError, Trust, prepare, settle,
};

/// A file changed this shortly before it was read may change again without a new time.
const RACY: Duration = Duration::from_millis(50);

/// Loaded libraries, and the files they were read from.
#[derive(Debug)]
pub struct LibraryCache {
    dir: RuntimeDir,
    loaded: LoadedLibraries,
    seen: HashMap<PathBuf, Seen>,
}

#[derive(Debug)]
struct Seen {
    stat: FileStat,
    fingerprint: Fingerprint,
}

/// The library in a file: already loaded, or prepared and ready to load.
#[derive(Debug)]
pub struct ResolvedLibrary {
    state: State,
    /// The bytes of memory that it has taken in the probe with its first allocation.
    pub own_bytes: u64,
    /// Stage and time, in order.
    pub timings: Vec<(String, Duration)>,
}

#[derive(Debug)]
enum State {
    InMemory(Arc<Library>),
    Prepared(Box<Prepared>),
}

impl ResolvedLibrary {
    fn new(state: State, timings: Vec<(String, Duration)>) -> Self {
        Self {
            state,
            own_bytes: 0,
            timings,
        }
    }

    /// Its metadata.
    pub fn metadata(&self) -> &Metadata {
        match &self.state {
            State::InMemory(library) => &library.metadata,
            State::Prepared(prepared) => &prepared.metadata,
        }
    }

    /// The hash of its content.
    pub fn fingerprint(&self) -> Fingerprint {
        match &self.state {
            State::InMemory(library) => library.fingerprint,
            State::Prepared(prepared) => prepared.fingerprint,
        }
    }

    /// Whether this process has not loaded it yet.
    pub fn is_new(&self) -> bool {
        matches!(self.state, State::Prepared(_))
    }

    /// The private copy.
    pub fn copy(&self) -> &Path {
        match &self.state {
            State::InMemory(library) => &library.copy.path,
            State::Prepared(prepared) => &prepared.copy.path,
        }
    }
}

/// Why a library could not be prepared or loaded.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// Before any of its code ran.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// While it was loaded or checked.
    #[error("`{path}` is refused at load: {cause}")]
    Load {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: LoadError,
    },
}

impl LibraryError {
    /// Why it could not be loaded, if it was prepared.
    pub fn load_error(&self) -> Option<&LoadError> {
        match self {
            Self::Prepare(_) => None,
            Self::Load { cause, .. } => Some(cause),
        }
    }
}

impl LibraryCache {
    /// An empty cache that keeps its copies in `dir`.
    pub fn new(dir: RuntimeDir) -> Self {
        Self {
            dir,
            loaded: LoadedLibraries::default(),
            seen: HashMap::new(),
        }
    }

    /// Prepares the library in the file at `path` without running any of its code. Blocks.
    ///
    /// # Errors
    ///
    /// The first stage that refuses the file.
    pub fn prepare(
        &mut self,
        path: &Path,
        requirements: &Requirements<'_>,
    ) -> Result<ResolvedLibrary, PrepareError> {
        let start = Instant::now();
        if let Some(library) = self.unchanged(path, requirements)? {
            let timings = vec![("settle".to_owned(), start.elapsed())];
            let state = State::InMemory(library);
            return Ok(ResolvedLibrary::new(state, timings));
        }
        let prepared = self.in_dir(path, |dir| prepare(path, requirements, dir))?;
        self.remember(path, &prepared);
        Ok(self.resolve(prepared))
    }

    /// Prepares a saved library without running any of its code. If its copy is lost, its `file` replaces it,
    /// provided that the content is the same. Blocks.
    ///
    /// # Errors
    ///
    /// The first stage that refuses it; [`Stage::Restore`](super::Stage::Restore) if its content is lost.
    pub fn prepare_saved(
        &mut self,
        saved: &Path,
        file: &Path,
        fingerprint: Fingerprint,
        requirements: &Requirements<'_>,
    ) -> Result<ResolvedLibrary, PrepareError> {
        if let Some(library) = self.loaded.in_use(fingerprint) {
            let (state, timings) = (State::InMemory(library), Vec::new());
            return Ok(ResolvedLibrary::new(state, timings));
        }
        let prepared = self.in_dir(saved, |dir| {
            prepare_saved(saved, file, fingerprint, requirements, dir)
        })?;
        Ok(self.resolve(prepared))
    }

    /// Loads what [`prepare`](Self::prepare) returned for the file at `path`. Blocks.
    ///
    /// # Errors
    ///
    /// When the library can't be loaded or is incompatible.
    pub fn load(
        &mut self,
        path: &Path,
        found: ResolvedLibrary,
    ) -> Result<Arc<Library>, LibraryError> {
        let prepared = match found.state {
            State::InMemory(library) => return Ok(library),
            State::Prepared(prepared) => {
                self.with_copy(*prepared).map_err(|cause| PrepareError {
                    path: path.to_path_buf(),
                    cause,
                })?
            }
        };
        let library = load(prepared, found.own_bytes).map_err(|cause| LibraryError::Load {
            path: path.to_path_buf(),
            cause,
        })?;
        Ok(self.loaded.add(library))
    }

    /// Drops a library that will not be loaded, and its copy.
    pub fn discard(found: ResolvedLibrary) {
        if let State::Prepared(prepared) = found.state {
            // Nothing uses it. If this fails, the directory is still removed with the process.
            let _ = std::fs::remove_file(&prepared.copy.path);
        }
    }

    /// Prepares and loads in one step.
    ///
    /// # Errors
    ///
    /// As [`prepare`](Self::prepare) and [`load`](Self::load).
    pub fn load_file(
        &mut self,
        path: &Path,
        requirements: &Requirements<'_>,
    ) -> Result<Arc<Library>, LibraryError> {
        let found = self.prepare(path, requirements)?;
        self.load(path, found)
    }

    /// Prepares the library in `path`; again if the directory for copies was removed in the meantime.
    fn in_dir(
        &mut self,
        path: &Path,
        prepare: impl Fn(&RuntimeDir) -> Result<Prepared, PrepareError>,
    ) -> Result<Prepared, PrepareError> {
        let refused = |error: RuntimeDirError| PrepareError {
            path: path.to_path_buf(),
            cause: error.into(),
        };
        self.dir.repair().map_err(refused)?;
        match prepare(&self.dir) {
            Err(_) if self.dir.repair().map_err(refused)? => prepare(&self.dir),
            prepared => prepared,
        }
    }

    /// Writes the copy again if it was removed or replaced while the library was probed: what is mapped has the content
    /// that was hashed.
    fn with_copy(&mut self, mut prepared: Prepared) -> Result<Prepared, Cause> {
        let exposed = self.dir.repair()?;
        let copy = &mut prepared.copy;
        if exposed || !copy.is_in_place(prepared.fingerprint) {
            let name = copy.path.file_name().unwrap_or_default();
            copy.path = self.dir.path().join(name);
            let mut hasher = Hasher::default();
            write_copy(&copy.full, &copy.path, |chunk| hasher.update(chunk))
                .map_err(ReadError::from)?;
            if hasher.finish() != prepared.fingerprint {
                return Err(ReadError::Changed.into());
            }
        }
        Ok(prepared)
    }

    fn resolve(&self, prepared: Prepared) -> ResolvedLibrary {
        let stages = prepared.timings.iter();
        let timings = stages
            .map(|(stage, time)| (stage.to_string(), *time))
            .collect();
        let again = self
            .loaded
            .restore(prepared.fingerprint, &prepared.copy.full);
        let state = match again {
            Some(library) => State::InMemory(library),
            None => State::Prepared(Box::new(prepared)),
        };
        ResolvedLibrary::new(state, timings)
    }

    /// Forgets all files: each is read again, even if it seems unchanged.
    pub fn invalidate(&mut self) {
        self.seen.clear();
    }

    /// Forgets the file at `path`: it was written, which its times and length need not show.
    pub fn forget(&mut self, path: &Path) {
        self.seen.remove(path);
    }

    /// Whether this process has loaded a library of this name, used or not.
    pub fn has_copy(&self, name: &str) -> bool {
        self.loaded.has(name)
    }

    /// The loaded libraries.
    pub fn loaded(&self) -> LoadedLibraries {
        self.loaded.clone()
    }

    /// The library of a file that has not changed, without reading and hashing the file again. `None` if the
    /// library's memory was reclaimed: then the file is read to restore the copy.
    fn unchanged(
        &self,
        path: &Path,
        requirements: &Requirements<'_>,
    ) -> Result<Option<Arc<Library>>, PrepareError> {
        let Some(seen) = self.seen.get(path) else {
            return Ok(None);
        };
        let refused = |cause: Cause| PrepareError {
            path: path.to_path_buf(),
            cause,
        };
        let stat = settle(path, requirements.settle).map_err(|error| refused(error.into()))?;
        let library = self.loaded.in_use(seen.fingerprint);
        let Some(library) = library.filter(|_| stat == seen.stat) else {
            return Ok(None);
        };
        requirements
            .check_fingerprint(seen.fingerprint)
            .map_err(refused)?;
        if requirements.trust == Trust::Owner {
            check_owners(path, stat).map_err(|error| refused(error.into()))?;
        }
        Ok(Some(library))
    }

    fn remember(&mut self, path: &Path, prepared: &Prepared) {
        if prepared.stat.age(SystemTime::now()) > RACY {
            let seen = Seen {
                stat: prepared.stat,
                fingerprint: prepared.fingerprint,
            };
            self.seen.insert(path.to_path_buf(), seen);
        } else {
            self.seen.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileExt, PermissionsExt};

    use super::super::runtime_copy::RuntimeCopy;
    use super::*;
    use crate::load::library::{SettleTimeouts, sample};

    #[test]
    fn copy_removed_or_replaced_before_loading_is_written_again() {
        let (base, dir) = sample::runtime_dir();
        let path = base.path().join("liblogger.so");
        let section = sample::SECTION.as_bytes();
        fs::write(&path, sample::library(&[(".stackup", section)])).unwrap();
        let requirements = Requirements {
            pin: None,
            locked: None,
            trust: Trust::Owner,
            abi: "0.1.0",
            settle: SettleTimeouts::default(),
        };
        let mut cache = LibraryCache::new(dir);
        let found = cache.prepare(&path, &requirements).unwrap();
        fs::remove_dir_all(cache.dir.path()).unwrap();
        let State::Prepared(prepared) = found.state else {
            panic!("it is not loaded");
        };
        let prepared = cache.with_copy(*prepared).unwrap();
        let copy = fs::read(&prepared.copy.path).unwrap();
        assert_eq!(Fingerprint::of(&copy), prepared.fingerprint);
        // Other content of the same length, in the same file and in another one.
        let other: Vec<_> = copy.iter().map(|byte| !byte).collect();
        let at = prepared.copy.path.clone();
        fs::set_permissions(&at, fs::Permissions::from_mode(0o700)).unwrap();
        fs::remove_file(&at).unwrap();
        fs::write(&at, &other).unwrap();
        let prepared = cache.with_copy(prepared).unwrap();
        assert_eq!(fs::read(&at).unwrap(), copy);
        // What was hashed itself has changed: nothing is mapped.
        fs::set_permissions(&at, fs::Permissions::from_mode(0o700)).unwrap();
        let full = fs::OpenOptions::new().write(true).open(&at).unwrap();
        full.write_all_at(&other, 0).unwrap();
        let kept = RuntimeCopy {
            path: at.with_extension("gone"),
            full: fs::File::open(&at).unwrap(),
        };
        let copy = Prepared {
            copy: kept,
            ..prepared
        };
        assert!(matches!(
            cache.with_copy(copy),
            Err(Cause::Read(ReadError::Changed))
        ));
    }
}
