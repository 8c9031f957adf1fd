//! The libraries this process has loaded, each content once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::usage::{ByFile, PluginUsage, anonymous_by_file, descriptors, threads_by_file};
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
    /// The bytes of address space and of memory of their own that the unused ones hold.
    pub unused_bytes: u64,
    /// The threads that the unused ones have left behind.
    pub unused_threads: u64,
    /// The descriptors that the unused ones have left open.
    pub unused_descriptors: u64,
}

/// What `usage` needs of a library. It does not hold it: what is held is not reclaimed.
struct Facts {
    name: String,
    copy: String,
    own_bytes: u64,
    is_unused: bool,
}

impl Facts {
    fn of(library: &Arc<Library>) -> Self {
        Self {
            name: library.metadata.name.clone(),
            copy: copy_path(library),
            own_bytes: library.own_bytes,
            is_unused: Arc::strong_count(library) == 1,
        }
    }
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

    /// The libraries whose memory was not reclaimed.
    pub fn all_in_use(&self) -> Vec<Arc<Library>> {
        let by_content = self.lock();
        let in_use = by_content.values().filter(|it| !it.copy.is_reclaimed());
        in_use.cloned().collect()
    }

    /// Whether there is a library of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        let by_content = self.lock();
        by_content
            .values()
            .any(|library| library.metadata.name == name)
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
        let mut counts = LibraryCounts {
            loaded: by_content.len(),
            unused: 0,
            unused_bytes: 0,
            unused_threads: 0,
            unused_descriptors: 0,
        };
        let copies: HashSet<String> = by_content.values().map(|it| copy_path(it)).collect();
        // Where the system does not say, none are counted.
        let threads = threads_by_file(|file| copies.contains(file)).unwrap_or_default();
        let descriptors = descriptors::by_file();
        for library in by_content.values_mut().filter_map(Arc::get_mut) {
            library.copy.reclaim();
            let copy = copy_path(library);
            let of = |amounts: &ByFile| amounts.get(&copy).copied().unwrap_or_default();
            counts.unused += 1;
            counts.unused_bytes += library.copy.address_space() + library.own_bytes;
            counts.unused_threads += of(&threads);
            counts.unused_descriptors += of(&descriptors);
        }
        counts
    }

    /// What each plugin's libraries hold, by name. Blocks.
    pub fn usage(&self) -> Vec<PluginUsage> {
        let libraries: Vec<_> = self.lock().values().map(Facts::of).collect();
        let copies: HashSet<String> = libraries.iter().map(|it| it.copy.clone()).collect();
        let threads = threads_by_file(|file| copies.contains(file)).unwrap_or_default();
        let descriptors = descriptors::by_file();
        let memory = anonymous_by_file().unwrap_or_default();
        let mut plugins: BTreeMap<String, PluginUsage> = BTreeMap::new();
        for library in libraries {
            let usage = plugins.entry(library.name.clone()).or_default();
            let of = |amounts: &ByFile| amounts.get(&library.copy).copied().unwrap_or_default();
            usage.copies += 1;
            usage.unused += u64::from(library.is_unused);
            usage.memory += of(&memory).max(library.own_bytes);
            usage.threads += of(&threads);
            usage.descriptors += of(&descriptors);
            usage.plugin.clone_from(&library.name);
        }
        plugins.into_values().collect()
    }

    fn lock(&self) -> MutexGuard<'_, ByContent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn copy_path(library: &Library) -> String {
    library.copy.path.to_string_lossy().into_owned()
}
