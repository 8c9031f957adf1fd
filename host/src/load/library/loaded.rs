//! The libraries this process has loaded, each content once.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Fingerprint, Library};

/// Loaded libraries by content. A library is in use while anything else holds it.
#[derive(Debug, Clone, Default)]
pub struct LoadedLibraries(Arc<Mutex<ByContent>>);

type ByContent = HashMap<Fingerprint, Arc<Library>>;

/// How many libraries are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LibraryCounts {
    /// All of them.
    pub loaded: usize,
    /// Those that nothing uses.
    pub unused: usize,
    /// The bytes of address space that the unused ones hold.
    pub unused_bytes: u64,
}

impl LoadedLibraries {
    /// The library with this content, unless its memory was reclaimed.
    pub(super) fn in_use(&self, content: Fingerprint) -> Option<Arc<Library>> {
        let by_content = self.lock();
        let library = by_content.get(&content)?;
        (!library.copy.is_reclaimed()).then(|| Arc::clone(library))
    }

    /// The library with this content, with its copy restored from `full`.
    pub(super) fn restore(&self, content: Fingerprint, full: &File) -> Option<Arc<Library>> {
        let mut by_content = self.lock();
        let library = by_content.get_mut(&content)?;
        // A library in use was not reclaimed.
        if let Some(free) = Arc::get_mut(library) {
            free.copy.restore(full);
        }
        Some(Arc::clone(library))
    }

    pub(super) fn add(&self, library: Library) -> Arc<Library> {
        let library = Arc::new(library);
        let mut by_content = self.lock();
        by_content.insert(library.fingerprint, Arc::clone(&library));
        library
    }

    /// Reclaims the memory and disk space of each unused library. Its addresses stay mapped. Blocks.
    pub fn reclaim_unused(&self) -> LibraryCounts {
        let mut by_content = self.lock();
        let loaded = by_content.len();
        let (mut unused, mut unused_bytes) = (0, 0);
        for library in by_content.values_mut().filter_map(Arc::get_mut) {
            library.copy.reclaim();
            unused += 1;
            unused_bytes += library.copy.address_space();
        }
        LibraryCounts {
            loaded,
            unused,
            unused_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, ByContent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
