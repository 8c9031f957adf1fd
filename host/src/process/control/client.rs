//! The client's side of the control socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::protocol::{Reply, Request};

/// Why a request got no reply.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No process listens on the socket.
    #[error(
        "no stackup is running here: no process listens on {}\n\nhelp: start one with `stackup serve`, or \
         name its socket with `--control PATH`",
        list(.0)
    )]
    NotRunning(Vec<PathBuf>),
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

/// Sends a request to the supervisor that listens on the first of `candidates`, and waits for its reply.
/// Blocks.
///
/// # Errors
///
/// No process listens, or it does not reply.
pub fn send_request(candidates: &[PathBuf], request: &Request) -> Result<Reply, ClientError> {
    for path in candidates {
        let Ok(stream) = UnixStream::connect(path) else {
            continue;
        };
        if !is_ours(path) {
            return Err(ClientError::ForeignOwner(path.clone()));
        }
        return exchange(&stream, request).map_err(|source| ClientError::NoReply {
            path: path.clone(),
            source,
        });
    }
    Err(ClientError::NotRunning(candidates.to_vec()))
}

/// Root may talk to every supervisor. To root's supervisor everybody may talk whom the socket's mode admits.
fn is_ours(path: &Path) -> bool {
    let us = rustix::process::geteuid().as_raw();
    std::fs::metadata(path).is_ok_and(|socket| us == 0 || [us, 0].contains(&socket.uid()))
}

fn exchange(stream: &UnixStream, request: &Request) -> io::Result<Reply> {
    let mut writer = stream;
    writer.write_all(request.line().as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    if line.is_empty() {
        let message = "the server closed the connection; it may be shutting down";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    Ok(serde_json::from_str(&line)?)
}
