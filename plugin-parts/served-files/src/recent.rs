//! Files that were found lately.

use std::ffi::CString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use crate::folder::{Content, OpenFile};
use crate::look::Wanted;
use crate::path::FilePath;
use crate::state::FileState;

/// After this long a file is looked for anew, so that a change is seen that `stat` does not tell: of links on the way, of an
/// encoded form beside it, or by a write through a mapping on tmpfs. nginx's `open_file_cache_valid` counts in seconds, too.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// How many bytes of content a folder keeps. An open file counts as [`DESCRIPTOR`] bytes.
const CAPACITY: u64 = 8 << 20;

/// So there are at most 64 open files.
const DESCRIPTOR: u64 = 128 << 10;

/// What an entry takes besides its content, about.
const OVERHEAD: u64 = 512;

/// The files of a folder that were found within the last second: short ones with their content, others open.
///
/// Each use asks the system whether the path still leads to that file, in that state. Only files that have not changed for
/// some seconds are kept, so that a change within the resolution of their time is no question.
pub(crate) struct RecentFiles(Cache<Key, RecentFile, Weight>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key(FilePath, Wanted);

#[derive(Hash)]
struct KeyRef<'a>(&'a FilePath, Wanted);

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.0 == key.0 && self.1 == key.1
    }
}

#[derive(Clone)]
struct RecentFile {
    file: OpenFile,
    state: FileState,
    /// Its path, for `stat`.
    path: Arc<CString>,
    since: Instant,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Key, RecentFile> for Weight {
    fn weight(&self, _key: &Key, recent: &RecentFile) -> u64 {
        OVERHEAD
            + match &recent.file.content {
                Content::Memory(content) => content.len() as u64,
                Content::File(_) => DESCRIPTOR,
            }
    }
}

impl Default for RecentFiles {
    fn default() -> Self {
        Self(Cache::with_weighter(1024, CAPACITY, Weight))
    }
}

impl fmt::Debug for RecentFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecentFiles").field(&self.0.len()).finish()
    }
}

impl RecentFiles {
    /// The file that a path leads to, if it was found within the last second and has not changed.
    pub(crate) fn get(&self, path: &FilePath, wanted: Wanted, now: Instant) -> Option<OpenFile> {
        let key = KeyRef(path, wanted);
        let recent = self.0.get(&key)?;
        let is_recent = now.saturating_duration_since(recent.since) < KEPT_FOR;
        if is_recent && FileState::at(&recent.path) == Some(recent.state) {
            return Some(recent.file);
        }
        self.0.remove(&key);
        None
    }

    /// Keeps a file that was looked for at `since`.
    pub(crate) fn add(
        &self,
        path: &FilePath,
        wanted: Wanted,
        file: &OpenFile,
        state: FileState,
        since: Instant,
    ) {
        if !file.facts.validators.settled {
            return;
        }
        let Ok(name) = CString::new(file.facts.path.as_os_str().as_bytes()) else {
            return;
        };
        let recent = RecentFile {
            file: file.clone(),
            state,
            path: name.into(),
            since,
        };
        self.0.insert(Key(path.clone(), wanted), recent);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, write};
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;
    use crate::access::Waiting;
    use crate::coding::Accepted;
    use crate::folder::Folder;
    use crate::look::{Looked, look};

    const WANTED: Wanted = Wanted {
        accepted: Accepted::NONE,
        content: true,
    };

    struct Place {
        directory: tempfile::TempDir,
        recent: RecentFiles,
        since: Instant,
    }

    impl Place {
        fn new() -> Self {
            Self {
                directory: tempfile::tempdir().unwrap(),
                recent: RecentFiles::default(),
                since: Instant::now(),
            }
        }

        /// A file that has not changed for ten seconds.
        fn file(&self, name: &str, content: &[u8]) {
            let path = self.directory.path().join(name);
            write(&path, content).unwrap();
            let old = SystemTime::now() - Duration::from_secs(10);
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(old).unwrap();
        }

        fn add(&self, name: &str) {
            let path = FilePath::plain(name).unwrap();
            let folder = Folder::new(self.directory.path()).unwrap();
            let looked = look(&folder, &path, WANTED, &Waiting).unwrap();
            let Some(Looked::File(file, state)) = looked else {
                panic!("{name} is a file");
            };
            self.recent.add(&path, WANTED, &file, state, self.since);
        }

        fn has(&self, name: &str, after: Duration) -> bool {
            let path = FilePath::plain(name).unwrap();
            self.recent.get(&path, WANTED, self.since + after).is_some()
        }
    }

    #[test]
    fn file_is_kept_for_a_second() {
        let place = Place::new();
        place.file("a", b"text");
        place.add("a");
        assert!(place.has("a", Duration::ZERO));
        assert!(place.has("a", Duration::from_millis(999)));
        assert!(!place.has("a", Duration::from_secs(1)));
        assert!(!place.has("a", Duration::ZERO), "it is gone for good");
    }

    #[test]
    fn file_that_changes_is_not_served_again() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 4] = [
            ("content", |path| write(path, "text").unwrap()),
            ("removed", |path| std::fs::remove_file(path).unwrap()),
            ("rights", |path| {
                let rights = std::os::unix::fs::PermissionsExt::from_mode(0o200);
                std::fs::set_permissions(path, rights).unwrap();
            }),
            ("link", |path| {
                std::fs::rename(path, path.with_extension("old")).unwrap();
                write(path.with_extension("other"), "text").unwrap();
                std::os::unix::fs::symlink("a.other", path).unwrap();
            }),
        ];
        for (change, make) in changes {
            let place = Place::new();
            place.file("a", b"text");
            place.add("a");
            make(&place.directory.path().join("a"));
            assert!(!place.has("a", Duration::ZERO), "{change}");
        }
    }

    /// It may change again without another time.
    #[test]
    fn file_that_has_just_changed_is_not_kept() {
        let place = Place::new();
        write(place.directory.path().join("a"), "text").unwrap();
        place.add("a");
        assert!(!place.has("a", Duration::ZERO));
    }

    #[test]
    fn number_of_open_files_and_their_content_are_bounded() {
        let place = Place::new();
        for (length, most) in [
            (1 << 20, CAPACITY / DESCRIPTOR),
            (60_000, CAPACITY / 60_000),
        ] {
            let content = vec![b'x'; length];
            for index in 0..most + 50 {
                let name = format!("{length}-{index}");
                place.file(&name, &content);
                place.add(&name);
            }
            assert!(place.recent.0.weight() <= CAPACITY);
            assert!(place.recent.0.len() as u64 <= most);
        }
    }
}
