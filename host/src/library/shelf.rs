//! From a file to a loaded library, sparing what was done before.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::load::{Library, LoadError, load};
use super::loaded::Loaded;
use super::{Cause, Ids, check_owners};
use super::{
    Demands, FileFacts, Fingerprint, PrepareError, Prepared, RuntimeDir, Trust, check_pin, prepare,
    settle,
};

/// A file whose time of change lies this close to its reading may change again unseen.
const RACY: Duration = Duration::from_millis(50);

/// Loaded libraries, and what is known of the files that they came from.
#[derive(Debug)]
pub struct Shelf {
    dir: RuntimeDir,
    loaded: Loaded,
    seen: HashMap<PathBuf, Seen>,
}

#[derive(Debug)]
struct Seen {
    facts: FileFacts,
    fingerprint: Fingerprint,
}

/// A library from the shelf, and how long its stages took.
#[derive(Debug)]
pub struct Taken {
    /// The library.
    pub library: Arc<Library>,
    /// Stage and time, in order.
    pub timings: Vec<(String, Duration)>,
}

/// Why a file does not become a library.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
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

impl Shelf {
    /// An empty shelf that keeps its copies in `dir`.
    pub fn new(dir: RuntimeDir) -> Self {
        Self {
            dir,
            loaded: Loaded::default(),
            seen: HashMap::new(),
        }
    }

    /// The library in the file at `path`: loaded, unless its content is here already. Blocks.
    ///
    /// # Errors
    ///
    /// The first stage that refuses the file.
    pub fn take(&mut self, path: &Path, demands: &Demands<'_>) -> Result<Taken, TakeError> {
        let start = Instant::now();
        if let Some(library) = self.unchanged(path, demands)? {
            let timings = vec![("settle".to_owned(), start.elapsed())];
            return Ok(Taken { library, timings });
        }
        let prepared = prepare(path, demands, &self.dir)?;
        let mut timings: Vec<_> = prepared
            .timings
            .iter()
            .map(|(stage, time)| (stage.to_string(), *time))
            .collect();
        self.remember(path, &prepared);
        let content = &prepared.content;
        if let Some(library) = self.loaded.again(content.fingerprint, &content.bytes) {
            return Ok(Taken { library, timings });
        }
        let start = Instant::now();
        let library = load(prepared).map_err(|cause| TakeError::Load {
            path: path.to_path_buf(),
            cause,
        })?;
        timings.push(("load".to_owned(), start.elapsed()));
        let library = self.loaded.add(library);
        Ok(Taken { library, timings })
    }

    /// The libraries that are mapped.
    pub fn loaded(&self) -> Loaded {
        self.loaded.clone()
    }

    /// Spares reading and hashing a file that is as it was. One whose library rests is read, for what
    /// the library has given back.
    fn unchanged(
        &self,
        path: &Path,
        demands: &Demands<'_>,
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
        check_pin(demands.pin, seen.fingerprint).map_err(|error| refused(error.into()))?;
        if demands.trust == Trust::Owner {
            check_owners(path, facts, Ids::of_this_process())
                .map_err(|error| refused(error.into()))?;
        }
        Ok(Some(library))
    }

    fn remember(&mut self, path: &Path, prepared: &Prepared) {
        let age = SystemTime::now()
            .duration_since(prepared.content.facts.mtime)
            .unwrap_or_default();
        if age > RACY {
            let seen = Seen {
                facts: prepared.content.facts,
                fingerprint: prepared.content.fingerprint,
            };
            self.seen.insert(path.to_path_buf(), seen);
        } else {
            self.seen.remove(path);
        }
    }
}
