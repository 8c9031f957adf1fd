//! The client's side of the control socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::discovery::{Fit, Site, is_trusted, servers};
use super::protocol::{Reply, Request};
use super::socket::files;

/// The longest reply, in bytes: a status has all waiting requests.
const MAX_REPLY_LEN: u64 = 64 << 20;

/// How long the server of a socket beside the manifest may take to say which site it serves: its disk may be busy.
const SITE_TIMEOUT: Duration = Duration::from_secs(10);

/// The same for any other server of this user.
const OTHER_SITE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a request got no reply.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No process listens on the socket that was asked for.
    #[error("no stackup is running here: no process listens on `{0}`")]
    NotListening(PathBuf),
    /// No process serves the site.
    #[error(
        "no stackup is running here: no process serves `{manifest}` or listens on {}\n\nhelp: start one with \
         `stackup serve`, or name its socket with `--control PATH`",
        list(.files)
    )]
    NotRunning {
        /// The manifest.
        manifest: PathBuf,
        /// Where its control socket would be.
        files: Vec<PathBuf>,
    },
    /// Several sites have a link to this manifest.
    #[error("several stackups serve a link to this manifest: {}\n\nhelp: name one of these", list(.0))]
    Ambiguous(Vec<PathBuf>),
    /// The socket belongs to another user, so its replies can't be trusted.
    #[error("the control socket `{0}` belongs to another user")]
    ForeignOwner(PathBuf),
    /// The server did not reply.
    #[error("no reply on the control socket `{path}`: {source}")]
    NoReply {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    paths.join(" or ")
}

/// Sends a request to the supervisor of the manifest at `location`, or to the one that listens on `socket`, and
/// waits for its reply. Blocks.
///
/// # Errors
///
/// No process serves the manifest, or it does not reply.
pub fn send_request(
    location: &Path,
    socket: Option<&Path>,
    request: &Request,
) -> Result<Reply, ClientError> {
    let (stream, path) = match socket {
        Some(socket) => {
            let not_listening = || ClientError::NotListening(socket.to_path_buf());
            let stream = open(socket)?.ok_or_else(not_listening)?;
            (stream, socket.to_path_buf())
        }
        None => find(location)?
            .map(|(stream, site)| (stream, site.location))
            .ok_or_else(|| ClientError::NotRunning {
                manifest: location.to_path_buf(),
                files: files(location),
            })?,
    };
    exchange(&stream, request).map_err(|source| ClientError::NoReply { path, source })
}

/// The supervisor that serves the manifest at `location`.
pub(super) fn find(location: &Path) -> Result<Option<(UnixStream, Site)>, ClientError> {
    let wanted = Site::of(location);
    let mut found: Vec<(Fit, UnixStream, Site)> = Vec::new();
    for path in files(location) {
        let Some(stream) = open(&path)? else {
            continue;
        };
        let no_reply = |source| ClientError::NoReply {
            path: path.clone(),
            source,
        };
        match site(&stream, SITE_TIMEOUT).map_err(no_reply)? {
            Some(site) => found.extend(site.fit(&wanted).map(|fit| (fit, stream, site))),
            // An older stackup can't say: the socket's place has to do.
            None => found.push((Fit::Same, stream, wanted.clone())),
        }
    }
    if found.is_empty() {
        for stream in servers() {
            // One that is stuck is not worth an error: it may be of any site.
            if let Ok(Some(site)) = site(&stream, OTHER_SITE_TIMEOUT) {
                found.extend(site.fit(&wanted).map(|fit| (fit, stream, site)));
            }
        }
    }
    found.sort_by_key(|(fit, ..)| *fit);
    let best = found.first().map(|(fit, ..)| *fit);
    found.retain(|(fit, ..)| Some(*fit) == best);
    found.dedup_by_key(|(.., site)| site.pid);
    if found.len() > 1 && best != Some(Fit::Same) {
        let sites = found.into_iter().map(|(.., site)| site.location);
        return Err(ClientError::Ambiguous(sites.collect()));
    }
    Ok(found
        .into_iter()
        .next()
        .map(|(_, stream, site)| (stream, site)))
}

fn open(path: &Path) -> Result<Option<UnixStream>, ClientError> {
    let Ok(stream) = UnixStream::connect(path) else {
        return Ok(None);
    };
    match is_trusted(&stream) {
        true => Ok(Some(stream)),
        false => Err(ClientError::ForeignOwner(path.to_path_buf())),
    }
}

/// The site that a server serves; none from a server that does not know the question.
fn site(stream: &UnixStream, limit: Duration) -> io::Result<Option<Site>> {
    stream.set_read_timeout(Some(limit))?;
    let reply = exchange(stream, &Request::Site {}).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            let message =
                format!("nothing came within {limit:?}: the process hangs, or its machine is busy");
            io::Error::new(io::ErrorKind::TimedOut, message)
        }
        _ => error,
    })?;
    stream.set_read_timeout(None)?;
    match reply.ok {
        true => Ok(Some(Site::deserialize(reply.value)?)),
        false => Ok(None),
    }
}

fn exchange(stream: &UnixStream, request: &Request) -> io::Result<Reply> {
    let mut writer = stream;
    writer.write_all(request.line().as_bytes())?;
    let mut line = String::new();
    // The server sends nothing but the one line: no byte of a later one is lost in the buffer.
    BufReader::new(stream.take(MAX_REPLY_LEN)).read_line(&mut line)?;
    if line.is_empty() {
        let message = "the server closed the connection; it may be shutting down";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    Ok(serde_json::from_str(&line)?)
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::process::other_user::as_user;

    #[test]
    fn server_that_says_nothing_is_an_error_that_says_so() {
        let (near, _far) = UnixStream::pair().unwrap();
        let error = site(&near, Duration::from_millis(10)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "nothing came within 10ms: the process hangs, or its machine is busy"
        );
    }

    #[test]
    fn no_command_is_sent_to_the_server_of_another_user() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.sock");
        set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
        let (server, client) = (54_321, 54_322);
        let bound = path.clone();
        let Some(_listener) = as_user(server, || UnixListener::bind(bound).unwrap()) else {
            return;
        };
        set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        let opens = |uid| {
            let path = path.clone();
            as_user(uid, move || open(&path))
        };
        let refused = opens(client);
        assert!(matches!(refused, Some(Err(ClientError::ForeignOwner(_)))));
        assert!(matches!(opens(server), Some(Ok(Some(_)))));
    }
}
