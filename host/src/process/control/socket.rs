//! The control socket's path, and the server's end of it.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::load::library::Fingerprint;

/// The longest path of a socket (`sun_path`), without its terminating zero.
const MAX_PATH_LEN: usize = 107;

/// Where the socket of a manifest may be, best first: what was asked for alone, else beside the manifest,
/// else, where that can't be written, in the runtime directory under a name made of the manifest's path.
pub fn candidates(manifest: &Path, asked: Option<&Path>) -> Vec<PathBuf> {
    if let Some(asked) = asked {
        return vec![asked.to_path_buf()];
    }
    let manifest = std::fs::canonicalize(manifest).unwrap_or_else(|_| manifest.to_path_buf());
    let beside = manifest.with_extension("sock");
    let name = Fingerprint::of(manifest.as_os_str().as_encoded_bytes()).short();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty());
    let runtime = runtime.map_or_else(std::env::temp_dir, PathBuf::from);
    let aside = runtime.join(format!("stackup-{name}.sock"));
    let fits = |path: &PathBuf| path.as_os_str().len() <= MAX_PATH_LEN;
    [beside, aside].into_iter().filter(fits).collect()
}

/// The supervisor's end of the control socket.
#[derive(Debug)]
pub struct ControlSocket {
    /// Accepts clients.
    pub listener: UnixListener,
    /// Its path.
    pub path: PathBuf,
}

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum ControlSocketError {
    /// Another stackup serves this manifest.
    #[error(
        "another stackup serves this manifest: it listens on the control socket `{0}`\n\nhelp: give this one \
         its own socket with `--control PATH`"
    )]
    InUse(PathBuf),
    /// It can't be created at any of its paths.
    #[error("cannot create a control socket{}\n\nhelp: choose a path with `--control PATH`", why(.0))]
    Unavailable(Vec<(PathBuf, io::Error)>),
}

fn why(failures: &[(PathBuf, io::Error)]) -> String {
    let one = |(path, error): &(PathBuf, io::Error)| format!("; {}: {error}", path.display());
    failures.iter().map(one).collect()
}

impl ControlSocket {
    /// Creates the socket at the first of `candidates` that works.
    ///
    /// # Errors
    ///
    /// Another process listens there already, or none works.
    pub fn open(candidates: &[PathBuf]) -> Result<Self, ControlSocketError> {
        let mut failures = Vec::new();
        for path in candidates {
            if UnixStream::connect(path).is_ok() {
                return Err(ControlSocketError::InUse(path.clone()));
            }
            match bind(path) {
                Ok(listener) => {
                    let path = path.clone();
                    return Ok(Self { listener, path });
                }
                Err(error) => failures.push((path.clone(), error)),
            }
        }
        Err(ControlSocketError::Unavailable(failures))
    }

    /// Removes its file.
    pub fn close(&self) {
        // It may be gone already.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Binds under another name and renames the file, so that the socket is never open to other users.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let unready = path.with_file_name(name);
    let unready = match unready.as_os_str().len() <= MAX_PATH_LEN {
        true => unready,
        false => path.with_file_name(format!(".{}", std::process::id())),
    };
    let listener = UnixListener::bind(&unready)?;
    let ready = std::fs::set_permissions(&unready, Permissions::from_mode(0o600))
        .and_then(|()| replaceable(path))
        .and_then(|()| std::fs::rename(&unready, path));
    if let Err(error) = ready {
        let _ = std::fs::remove_file(&unready);
        return Err(error);
    }
    Ok(listener)
}

/// An existing file may be replaced only if it is a socket of this user. (`open` has checked that no process
/// listens on it.)
fn replaceable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
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

    #[test]
    fn path_is_beside_the_manifest_unless_too_long() {
        let found = candidates(Path::new("/srv/site/config.ru.toml"), None);
        assert_eq!(found[0], Path::new("/srv/site/config.ru.sock"));
        assert_eq!(found.len(), 2);
        let long = PathBuf::from("/")
            .join("x".repeat(100))
            .join("config.ru.toml");
        assert_eq!(candidates(&long, None).len(), 1);
        let asked = Path::new("/run/my.sock");
        assert_eq!(candidates(&long, Some(asked)), [asked]);
    }

    #[test]
    fn socket_is_private_and_exclusive() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.sock");
        let socket = ControlSocket::open(std::slice::from_ref(&path)).unwrap();
        let mode = std::fs::metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = ControlSocket::open(std::slice::from_ref(&path));
        assert!(matches!(again, Err(ControlSocketError::InUse(_))));
        drop(socket);
        // The file that a dead process left is replaced.
        let socket = ControlSocket::open(std::slice::from_ref(&path)).unwrap();
        socket.close();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn other_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.sock");
        std::fs::write(&path, "mine").unwrap();
        assert!(ControlSocket::open(std::slice::from_ref(&path)).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
