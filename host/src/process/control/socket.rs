//! Where the control socket of a manifest is.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::load::library::Fingerprint;

/// As long as a socket's path may be (`sun_path`), less its end.
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

/// The supervisor's end: its file goes with it.
#[derive(Debug)]
pub struct ControlSocket {
    /// Where clients connect.
    pub listener: UnixListener,
    /// Where it is.
    pub path: PathBuf,
}

/// No control socket.
#[derive(Debug, thiserror::Error)]
pub enum ControlSocketError {
    /// Another one serves this manifest.
    #[error(
        "another stackup serves this manifest: it has the control socket `{0}`; give this one a socket of \
         its own with `--control PATH`"
    )]
    InUse(PathBuf),
    /// Unavailable to put it.
    #[error("no control socket{}: name a place for it with `--control PATH`", why(.0))]
    Unavailable(Vec<(PathBuf, io::Error)>),
}

fn why(failures: &[(PathBuf, io::Error)]) -> String {
    let one = |(path, error): &(PathBuf, io::Error)| format!("; {}: {error}", path.display());
    failures.iter().map(one).collect()
}

impl ControlSocket {
    /// Opens the first of `candidates` that can be had.
    ///
    /// # Errors
    ///
    /// When somebody listens there already, or none can be had.
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

    /// Closes it for good.
    pub fn close(&self) {
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Binds under another name first: from its first moment the socket is its owner's alone.
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

/// What stands there may be replaced if it is a socket of ours, which nobody listens on (`open`).
fn replaceable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let Ok(there) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    let ours = there.uid() == rustix::process::geteuid().as_raw();
    if there.file_type().is_socket() && ours {
        return Ok(());
    }
    let message = "something that is no socket of ours has its place";
    Err(io::Error::new(io::ErrorKind::AlreadyExists, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_the_manifest_unless_that_is_too_long() {
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
    fn is_the_owners_alone_and_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.sock");
        let socket = ControlSocket::open(std::slice::from_ref(&path)).unwrap();
        let mode = std::fs::metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = ControlSocket::open(std::slice::from_ref(&path));
        assert!(matches!(again, Err(ControlSocketError::InUse(_))));
        drop(socket);
        // The file that a dead one left is no hindrance.
        let socket = ControlSocket::open(std::slice::from_ref(&path)).unwrap();
        socket.close();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.sock");
        std::fs::write(&path, "mine").unwrap();
        assert!(ControlSocket::open(std::slice::from_ref(&path)).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
