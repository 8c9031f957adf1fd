//! The server's end of the control socket: a file for people and programs, and a name by which clients find it.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::client::find;
use super::discovery;
use crate::load::site;
use crate::policy::is_shortage;
use crate::process::socket_file::{FileId, MAX_PATH_LEN, bind_private};

/// Where the control socket of the manifest at `location` may be, as its links lead now: in the site's folder; for an
/// older stackup, beside the file that the manifest is a link to.
pub(super) fn files(location: &Path) -> Vec<PathBuf> {
    let linked = std::fs::canonicalize(location).map(|file| file.with_extension("sock"));
    let mut files = vec![file(location)];
    files.extend(linked.ok().filter(|linked| *linked != files[0]));
    files
}

fn file(location: &Path) -> PathBuf {
    let name = location.file_name().unwrap_or_default();
    site::folder(location).join(name).with_extension("sock")
}

/// The supervisor's end of the control socket.
#[derive(Debug)]
pub struct ControlSocket {
    /// The file, if it could be made.
    pub file: Option<ControlFile>,
    /// Where clients find it by its site; none if they are to use the file that was asked for.
    pub discovery: Option<UnixListener>,
    /// Where the file could not be made: it is not tried there again.
    refused: Option<PathBuf>,
}

/// A control socket in the file system.
#[derive(Debug)]
pub struct ControlFile {
    /// Accepts clients.
    pub listener: UnixListener,
    /// Its path.
    pub path: PathBuf,
    /// Which file it is; none if it is gone.
    pub id: Option<FileId>,
}

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum ControlSocketError {
    /// Another stackup serves this manifest.
    #[error(
        "another stackup serves this manifest (pid {0})\n\nhelp: give this one its own control socket with \
         `--control PATH`"
    )]
    InUse(u32),
    /// Another process listens on the socket that was asked for.
    #[error("another process listens on the control socket `{0}`")]
    Taken(PathBuf),
    /// It can't be created.
    #[error("cannot create the control socket `{path}`: {error}")]
    Unavailable {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl ControlSocketError {
    fn is_shortage(&self) -> bool {
        matches!(self, Self::Unavailable { error, .. } if is_shortage(&error.to_string()))
    }
}

impl ControlSocket {
    /// Opens the control socket of the manifest at `location`, or the one that was `asked` for.
    ///
    /// # Errors
    ///
    /// Another process has it already, or it can't be created.
    pub fn open(location: &Path, asked: Option<&Path>) -> Result<Self, ControlSocketError> {
        let path = asked.map_or_else(|| file(location), Path::to_path_buf);
        if asked.is_some() {
            let file = Some(ControlFile::create(&path)?);
            return Ok(Self::of(file, None));
        }
        if let Ok(Some((_, other))) = find(location) {
            // An older one does not know its number; it is found by its file.
            return Err(ControlSocketError::InUse(other.pid));
        }
        let discovery = discovery::bind();
        match (ControlFile::create(&path), discovery) {
            (Err(error), Err(_)) => Err(error),
            (Err(error), Ok(discovery)) => {
                let mut socket = Self::of(None, Some(discovery));
                socket.refused = Some(path).filter(|_| !error.is_shortage());
                Ok(socket)
            }
            (Ok(file), discovery) => Ok(Self::of(Some(file), discovery.ok())),
        }
    }

    /// That of the supervisor before an upgrade, if it had one.
    pub(crate) fn resume(
        file: Option<ControlFile>,
        discovery: Option<UnixListener>,
        asked: Option<&Path>,
    ) -> Option<Self> {
        // An older supervisor had only the file.
        let discovery = match (&file, discovery, asked) {
            (Some(_), None, None) => discovery::bind().ok(),
            (_, discovery, _) => discovery,
        };
        let any = file.is_some() || discovery.is_some();
        any.then(|| Self::of(file, discovery))
    }

    fn of(file: Option<ControlFile>, discovery: Option<UnixListener>) -> Self {
        Self {
            file,
            discovery,
            refused: None,
        }
    }

    /// Makes the file again if it is gone, or if it belongs in another folder by now. Returns whether it did.
    pub fn restore(&mut self, location: &Path, asked: Option<&Path>) -> bool {
        let path = asked.map_or_else(|| file(location), Path::to_path_buf);
        let stands = |file: &ControlFile| file.path == path && file.exists();
        if self.file.as_ref().is_some_and(stands) || self.refused.as_ref() == Some(&path) {
            return false;
        }
        let file = match ControlFile::create(&path) {
            Ok(file) => file,
            Err(error) => {
                // A folder that is gone may come back, and a full disk have room again.
                let for_good = path.parent().is_some_and(Path::is_dir) && !error.is_shortage();
                self.refused = Some(path).filter(|_| for_good);
                return false;
            }
        };
        if let Some(old) = self.file.replace(file)
            && old.path != path
        {
            old.remove();
        }
        self.refused = None;
        true
    }

    /// Removes its file.
    pub fn close(&self) {
        if let Some(file) = &self.file {
            file.remove();
        }
    }
}

impl ControlFile {
    fn create(path: &Path) -> Result<Self, ControlSocketError> {
        if UnixStream::connect(path).is_ok() {
            return Err(ControlSocketError::Taken(path.to_path_buf()));
        }
        let path = path.to_path_buf();
        match bind(&path) {
            Ok(listener) => Ok(Self {
                listener,
                id: FileId::of(&path),
                path,
            }),
            Err(error) => Err(ControlSocketError::Unavailable { path, error }),
        }
    }

    /// Whether the file is there. If another process has put its own there, that one may have it.
    fn exists(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.file_type().is_socket())
    }

    fn remove(&self) {
        if let Some(id) = self.id {
            id.remove(&self.path);
        }
    }
}

/// Listens at `path`, unless that is too long for clients or belongs to others.
fn bind(path: &Path) -> io::Result<UnixListener> {
    if path.as_os_str().len() > MAX_PATH_LEN {
        return Err(io::Error::new(
            io::ErrorKind::InvalidFilename,
            format!("the path is longer than {MAX_PATH_LEN} bytes"),
        ));
    }
    replaceable(path)?;
    bind_private(path)
}

/// An existing file may be replaced only if it is a socket of this user. (`open` has checked that no process
/// listens on it.)
fn replaceable(path: &Path) -> io::Result<()> {
    let Ok(there) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    let ours = there.uid() == rustix::process::geteuid().as_raw();
    if there.file_type().is_socket() && ours {
        return Ok(());
    }
    let message = "a file that is not a socket of this user is in the way";
    Err(io::Error::new(io::ErrorKind::AlreadyExists, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &Path) -> Result<ControlSocket, ControlSocketError> {
        ControlSocket::open(Path::new("/nowhere/c.toml"), Some(path))
    }

    #[test]
    fn socket_is_private_and_exclusive() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.sock");
        let socket = asked(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(asked(&path), Err(ControlSocketError::Taken(_))));
        drop(socket);
        // The file that a dead process left is replaced.
        let socket = asked(&path).unwrap();
        socket.close();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn socket_that_another_server_made_at_the_same_path_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.sock");
        let first = asked(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = asked(&path).unwrap();
        first.close();
        UnixStream::connect(&path).unwrap();
        second.close();
        assert!(!path.exists());
    }

    #[test]
    fn other_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.sock");
        std::fs::write(&path, "mine").unwrap();
        assert!(asked(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn socket_file_of_another_user_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.sock");
        // Nobody listens on it any more.
        drop(UnixListener::bind(&path).unwrap());
        if let Err(error) = std::os::unix::fs::chown(&path, Some(54_321), None) {
            println!("skipped: only root can give a file away: {error}");
            return;
        }
        let id = FileId::of(&path);
        assert!(matches!(
            asked(&path),
            Err(ControlSocketError::Unavailable { .. })
        ));
        assert_eq!(FileId::of(&path), id);
    }

    #[test]
    fn path_that_is_too_long_leaves_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("x".repeat(100));
        std::fs::create_dir(&folder).unwrap();
        let socket = ControlSocket::open(&folder.join("c.toml"), None).unwrap();
        assert!(socket.file.is_none());
        assert!(socket.discovery.is_some());
    }

    #[test]
    fn lost_file_comes_back_and_follows_a_turned_link() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for release in ["1", "2"] {
            std::fs::create_dir(root.join(release)).unwrap();
        }
        std::os::unix::fs::symlink("1", root.join("current")).unwrap();
        let location = root.join("current/c.toml");
        let mut socket = ControlSocket::open(&location, None).unwrap();
        assert!(!socket.restore(&location, None));
        std::fs::remove_file(root.join("1/c.sock")).unwrap();
        assert!(socket.restore(&location, None));
        UnixStream::connect(root.join("1/c.sock")).unwrap();
        std::os::unix::fs::symlink("2", root.join("next")).unwrap();
        std::fs::rename(root.join("next"), root.join("current")).unwrap();
        assert!(socket.restore(&location, None));
        UnixStream::connect(root.join("2/c.sock")).unwrap();
        assert!(!root.join("1/c.sock").exists());
        assert!(!socket.restore(&location, None));
    }
}
