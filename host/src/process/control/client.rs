//! The asking side.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::protocol::{Reply, Request};

/// Nobody answers.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No socket.
    #[error(
        "no stackup runs here: nobody listens on {}; start one with `stackup serve`, or name its socket \
         with `--control PATH`",
        list(.0)
    )]
    NotRunning(Vec<PathBuf>),
    /// A socket of somebody else's: what it says can't be trusted.
    #[error("`{0}` belongs to another user: not asking there")]
    ForeignOwner(PathBuf),
    /// No answer.
    #[error("`{path}` does not answer: {source}")]
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

/// Asks the supervisor that listens on the first of `candidates`, and waits for its answer. Blocks.
///
/// # Errors
///
/// When nobody listens or answers.
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

/// Root may ask anybody, and root's supervisor may be asked by whom the socket's mode lets in.
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
        let message = "it has closed the connection, as when it ends";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    Ok(serde_json::from_str(&line)?)
}
