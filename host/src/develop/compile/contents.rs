//! Tells a save from a file that was rewritten: by its content, and by whether a build wrote it.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::Hasher;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// After so many finished builds in a row that each changed a file, that file leads to no further build.
const LIMIT: u8 = 3;

/// The content that source files had when they were last looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents(BTreeMap<PathBuf, Known>);

#[derive(Debug, Clone)]
struct Known {
    /// None if the file was absent.
    digest: Option<u64>,
    /// So many finished builds in a row changed it.
    changed_by_builds: u8,
    /// Every build writes other content into it.
    volatile: bool,
}

/// The time of a build.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) began: SystemTime,
    pub(super) ended: SystemTime,
    /// Whether it ended by itself.
    pub(super) finished: bool,
}

/// What a change of a file means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing: the content is the same, or a build wrote it again.
    Nothing,
    /// What depends on it is out of date.
    Saved,
    /// Each of the last builds changed it: it leads to no further build. Returned once for a file.
    Loop,
}

impl Contents {
    /// Looks at a file that may have changed since `last`, the last build. With `retry`, a save without a change counts.
    pub(super) fn note(&mut self, path: &Path, last: Option<Run>, retry: bool) -> Change {
        let digest = digest(path);
        let during = last.filter(|run| run.contains(path));
        let known = self.0.entry(path.to_path_buf()).or_insert_with(|| Known {
            // Never equal to what is there.
            digest: digest.map(|digest| !digest).or(Some(0)),
            changed_by_builds: 0,
            volatile: false,
        });
        let same = known.digest == digest;
        known.digest = digest;
        let Some(run) = during else {
            if same && !retry {
                return Change::Nothing;
            }
            known.changed_by_builds = 0;
            return Change::Saved;
        };
        if same || known.volatile {
            return Change::Nothing;
        }
        if run.finished {
            known.changed_by_builds += 1;
        }
        known.volatile = known.changed_by_builds >= LIMIT;
        match known.volatile {
            true => Change::Loop,
            false => Change::Saved,
        }
    }

    /// Whether a change of this file is reason to interrupt a build: its content is new, and no build writes it.
    pub(super) fn interrupts(&self, path: &Path) -> bool {
        self.0.get(path).is_none_or(|known| {
            known.changed_by_builds == 0 && !known.volatile && known.digest != digest(path)
        })
    }
}

impl Run {
    /// Whether the file was written last during this build.
    fn contains(&self, path: &Path) -> bool {
        let written = fs::metadata(path).and_then(|metadata| metadata.modified());
        written.is_ok_and(|written| self.began <= written && written <= self.ended)
    }
}

/// How many bytes are read at a time.
const CHUNK: usize = 64 << 10;

fn digest(path: &Path) -> Option<u64> {
    // A FIFO among the sources would block, and has no content of its own.
    let mut file = checked_file::open(path).ok()?;
    let (mut hasher, mut chunk) = (DefaultHasher::new(), vec![0; CHUNK]);
    loop {
        match file.read(&mut chunk).ok()? {
            0 => return Some(hasher.finish()),
            count => hasher.write(&chunk[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        _dir: tempfile::TempDir,
        file: PathBuf,
        contents: Contents,
    }

    impl Bench {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("gen.rs");
            Self {
                _dir: dir,
                file,
                contents: Contents::default(),
            }
        }

        /// The file is written, and was so during a build if there is one.
        fn written(&mut self, text: &str, finished: Option<bool>) -> Change {
            fs::write(&self.file, text).unwrap();
            let written = fs::metadata(&self.file).unwrap().modified().unwrap();
            let run = finished.map(|finished| Run {
                began: written,
                ended: written,
                finished,
            });
            self.contents.note(&self.file, run, false)
        }
    }

    #[test]
    fn only_new_content_is_a_save() {
        let mut bench = Bench::new();
        assert_eq!(bench.written("one", None), Change::Saved);
        assert_eq!(bench.written("one", None), Change::Nothing);
        assert_eq!(bench.contents.note(&bench.file, None, true), Change::Saved);
        assert_eq!(bench.written("two", None), Change::Saved);
        fs::remove_file(&bench.file).unwrap();
        assert_eq!(bench.contents.note(&bench.file, None, false), Change::Saved);
    }

    #[test]
    fn same_content_interrupts_no_build() {
        let mut bench = Bench::new();
        assert!(bench.contents.interrupts(&bench.file));
        bench.written("one", None);
        assert!(!bench.contents.interrupts(&bench.file));
        fs::write(&bench.file, "two").unwrap();
        assert!(bench.contents.interrupts(&bench.file));
    }

    #[test]
    fn file_that_every_build_changes_ends_the_loop() {
        let mut bench = Bench::new();
        assert_eq!(bench.written("1", Some(true)), Change::Saved);
        assert!(!bench.contents.interrupts(&bench.file));
        assert_eq!(bench.written("2", Some(true)), Change::Saved);
        assert_eq!(bench.written("3", Some(true)), Change::Loop);
        assert_eq!(bench.written("4", Some(true)), Change::Nothing);
        // A save counts, and the build after it causes no loop again.
        assert_eq!(bench.written("5", None), Change::Saved);
        assert_eq!(bench.written("6", Some(true)), Change::Nothing);
    }

    #[test]
    fn saves_that_interrupt_builds_are_no_loop() {
        let mut bench = Bench::new();
        for text in ["1", "2", "3", "4", "5"] {
            assert_eq!(bench.written(text, Some(false)), Change::Saved);
        }
    }
}
