//! From a file to a loaded library, sparing what was done before.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::load::{Library, LoadError, load};
use super::loaded::LoadedLibraries;
use super::prepare::adopt;
use super::{Cause, Ids, check_owners};
use super::{
    FileStat, Fingerprint, Metadata, PrepareError, Prepared, Requirements, RuntimeDir, Trust,
    prepare, settle,
};

/// A file whose time of change lies this close to its reading may change again unseen.
const RACY: Duration = Duration::from_millis(50);

/// Loaded libraries, and what is known of the files that they came from.
#[derive(Debug)]
pub struct LibraryCache {
    dir: RuntimeDir,
    loaded: LoadedLibraries,
    seen: HashMap<PathBuf, Seen>,
}

#[derive(Debug)]
struct Seen {
    facts: FileStat,
    fingerprint: Fingerprint,
}

/// What a file holds: a library that is loaded, or one that is fit to be.
#[derive(Debug)]
pub struct ResolvedLibrary {
    state: State,
    /// Stage and time, in order.
    pub timings: Vec<(String, Duration)>,
}

#[derive(Debug)]
enum State {
    InMemory(Arc<Library>),
    Prepared(Box<Prepared>),
}

impl ResolvedLibrary {
    /// What it says of itself.
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

    /// The private copy.
    pub fn copy(&self) -> &Path {
        match &self.state {
            State::InMemory(library) => &library.copy.path,
            State::Prepared(prepared) => &prepared.copy.path,
        }
    }
}

/// Why a file does not become a library.
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

impl LibraryCache {
    /// An empty shelf that keeps its copies in `dir`.
    pub fn new(dir: RuntimeDir) -> Self {
        Self {
            dir,
            loaded: LoadedLibraries::default(),
            seen: HashMap::new(),
        }
    }

    /// The library in the file at `path`, as far as that is known without running any of it. Blocks.
    ///
    /// # Errors
    ///
    /// The first stage that refuses the file.
    pub fn prepare(
        &mut self,
        path: &Path,
        demands: &Requirements<'_>,
    ) -> Result<ResolvedLibrary, PrepareError> {
        let start = Instant::now();
        if let Some(library) = self.unchanged(path, demands)? {
            let timings = vec![("settle".to_owned(), start.elapsed())];
            let state = State::InMemory(library);
            return Ok(ResolvedLibrary { state, timings });
        }
        let prepared = prepare(path, demands, &self.dir)?;
        self.remember(path, &prepared);
        Ok(self.found(prepared))
    }

    /// A library that is kept, as far as it is known without running any of it. Blocks.
    ///
    /// # Errors
    ///
    /// The first stage that refuses it.
    pub fn prepare_saved(
        &mut self,
        kept: &Path,
        fingerprint: Fingerprint,
        demands: &Requirements<'_>,
    ) -> Result<ResolvedLibrary, PrepareError> {
        if let Some(library) = self.loaded.in_use(fingerprint) {
            let (state, timings) = (State::InMemory(library), Vec::new());
            return Ok(ResolvedLibrary { state, timings });
        }
        let prepared = adopt(kept, fingerprint, demands, &self.dir)?;
        Ok(self.found(prepared))
    }

    /// Loads what [`look`](Self::look) found in the file at `path`. Blocks.
    ///
    /// # Errors
    ///
    /// A library that can't be loaded or does not fit.
    pub fn load(
        &mut self,
        path: &Path,
        found: ResolvedLibrary,
    ) -> Result<Arc<Library>, LibraryError> {
        let prepared = match found.state {
            State::InMemory(library) => return Ok(library),
            State::Prepared(prepared) => *prepared,
        };
        let library = load(prepared).map_err(|cause| LibraryError::Load {
            path: path.to_path_buf(),
            cause,
        })?;
        Ok(self.loaded.add(library))
    }

    /// Forgets what was found and is not to be loaded.
    pub fn discard(found: ResolvedLibrary) {
        if let State::Prepared(prepared) = found.state {
            // Nothing holds it; the directory goes with the process in any case.
            let _ = std::fs::remove_file(&prepared.copy.path);
        }
    }

    /// Looks and loads in one.
    ///
    /// # Errors
    ///
    /// As [`look`](Self::look) and [`load`](Self::load).
    pub fn load_file(
        &mut self,
        path: &Path,
        demands: &Requirements<'_>,
    ) -> Result<Arc<Library>, LibraryError> {
        let found = self.prepare(path, demands)?;
        self.load(path, found)
    }

    fn found(&self, prepared: Prepared) -> ResolvedLibrary {
        let stages = prepared.timings.iter();
        let timings = stages
            .map(|(stage, time)| (stage.to_string(), *time))
            .collect();
        let again = self
            .loaded
            .restore(prepared.fingerprint, &prepared.copy.whole);
        let state = match again {
            Some(library) => State::InMemory(library),
            None => State::Prepared(Box::new(prepared)),
        };
        ResolvedLibrary { state, timings }
    }

    /// Forgets what was seen of files: each is read again, whatever its facts say.
    pub fn invalidate(&mut self) {
        self.seen.clear();
    }

    /// The libraries that are mapped.
    pub fn loaded(&self) -> LoadedLibraries {
        self.loaded.clone()
    }

    /// Spares reading and hashing a file that is as it was. One whose library rests is read, for what
    /// the library has given back.
    fn unchanged(
        &self,
        path: &Path,
        demands: &Requirements<'_>,
    ) -> Result<Option<Arc<Library>>, PrepareError> {
        let Some(seen) = self.seen.get(path) else {
            return Ok(None);
        };
        let refused = |cause: Cause| PrepareError {
            path: path.to_path_buf(),
            cause,
        };
        let facts = settle(path, demands.patience).map_err(|error| refused(error.into()))?;
        let library = self.loaded.in_use(seen.fingerprint);
        let Some(library) = library.filter(|_| facts == seen.facts) else {
            return Ok(None);
        };
        demands
            .check_fingerprint(seen.fingerprint)
            .map_err(refused)?;
        if demands.trust == Trust::Owner {
            check_owners(path, facts, Ids::of_this_process())
                .map_err(|error| refused(error.into()))?;
        }
        Ok(Some(library))
    }

    fn remember(&mut self, path: &Path, prepared: &Prepared) {
        let age = SystemTime::now()
            .duration_since(prepared.facts.mtime)
            .unwrap_or_default();
        if age > RACY {
            let seen = Seen {
                facts: prepared.facts,
                fingerprint: prepared.fingerprint,
            };
            self.seen.insert(path.to_path_buf(), seen);
        } else {
            self.seen.remove(path);
        }
    }
}
