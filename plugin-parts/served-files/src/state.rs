//! Which file a path leads to, and in which state.

use std::ffi::CStr;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use rustix::fs::stat;

/// A file and its state: each change of content, name or rights gives another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileState {
    device: u64,
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds of the last change of the content.
    modified: (i64, i64),
    /// Of the last change of anything.
    changed: (i64, i64),
}

impl FileState {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// That of the file that `path` leads to now.
    #[expect(
        clippy::allow_attributes,
        reason = "the types of these fields differ between systems"
    )]
    pub(crate) fn at(path: &CStr) -> Option<Self> {
        let stat = stat(path).ok()?;
        #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
        Some(Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            length: u64::try_from(stat.st_size).ok()?,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::fs::{File, FileTimes, write};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Whatever a change preserves, something tells of it.
    #[test]
    fn each_change_gives_another_state() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        let state = || FileState::at(&name);
        assert_eq!(state(), None);
        write(&path, "abc").unwrap();
        let open = || File::options().write(true).open(&path).unwrap();
        let modified = open().metadata().unwrap().modified().unwrap();
        let mut states = vec![state(), {
            write(&path, "abcd").unwrap();
            state()
        }];
        open()
            .set_times(FileTimes::new().set_modified(modified))
            .unwrap();
        states.push(state());
        open()
            .set_permissions(PermissionsExt::from_mode(0o600))
            .unwrap();
        states.push(state());
        let other = place.path().join("other");
        write(&other, "abcd").unwrap();
        let back = File::options().write(true).open(&other).unwrap();
        back.set_times(FileTimes::new().set_modified(modified))
            .unwrap();
        std::fs::rename(&other, &path).unwrap();
        states.push(state());
        for (index, state) in states.iter().enumerate() {
            assert!(
                state.is_some() && !states[..index].contains(state),
                "{index}: {states:?}"
            );
        }
        assert_eq!(state(), Some(FileState::of(&open().metadata().unwrap())));
    }
}
