//! Files of Unix sockets: made so that they are never open to others, removed only by whom they belong to.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

/// The longest path of a socket (`sun_path`), without its terminating zero.
pub const MAX_PATH_LEN: usize = 107;

/// Which file it is, whatever its path. No other file gets the number while the socket is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// That of the file at `path`, if there is one. Links are not followed.
    pub fn of(path: &Path) -> Option<Self> {
        let file = fs::symlink_metadata(path).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
        })
    }

    /// Removes the file at `path` if it is this one. Another process may have put its own there since.
    pub fn remove(self, path: &Path) {
        if Self::of(path) == Some(self) {
            // It may be gone by now.
            let _ = fs::remove_file(path);
        }
    }
}

/// Listens at `path`, which this user alone may connect to. What is there is replaced.
///
/// A socket's file gets its mode from the umask, which belongs to the whole process. So it is made in a private folder, and
/// is moved when it has its mode.
///
/// # Errors
///
/// The folder can't be written.
pub fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let private = private_folder(folder)?;
    let unready = private.path().join("socket");
    let listener = with_short_path(&unready, |short| UnixListener::bind(short))?;
    fs::set_permissions(&unready, Permissions::from_mode(0o600))?;
    fs::rename(&unready, path)?;
    Ok(listener)
}

/// A folder in `folder` that nobody else may enter; removed with the value.
fn private_folder(folder: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(".stackup-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(folder)
}

/// Calls `work` with a path to the same file that is short enough for a socket.
pub fn with_short_path<T>(path: &Path, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return work(path);
    };
    if path.as_os_str().len() <= MAX_PATH_LEN {
        return work(path);
    }
    let folder = File::open(folder)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    work(&short)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn private_socket_has_no_moment_open_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.sock");
        // Even a umask that hides nothing makes no difference: the folder in which it is bound is private.
        let private = private_folder(dir.path()).unwrap();
        let mode = fs::metadata(private.path()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(private);
        let listener = bind_private(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        UnixStream::connect(&path).unwrap();
        let bound = listener.local_addr().unwrap();
        let bound = bound.as_pathname().unwrap().parent().unwrap();
        assert_ne!(bound, dir.path(), "bound where others may look");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn file_of_another_process_at_the_same_path_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.sock");
        let _first = UnixListener::bind(&path).unwrap();
        let first = FileId::of(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _second = UnixListener::bind(&path).unwrap();
        let second = FileId::of(&path).unwrap();
        first.remove(&path);
        UnixStream::connect(&path).unwrap();
        second.remove(&path);
        assert!(!path.exists());
        second.remove(&path);
    }
}
