//! Connections to other servers: TCP, or a unix socket.

use std::future::Future;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tower_service::Service;

use super::pool::Counter;
use super::stream::{ClientStream, Transport};

/// The longest attempt to connect, also where nobody waits for it any more.
const LONGEST: Duration = Duration::from_secs(30);

/// The scheme of a target whose authority is the path of a unix socket, in hexadecimal digits: what identifies a
/// connection in the pool.
const UNIX: &str = "unix";

/// Makes the connections of one plugin.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    open: Arc<Counter>,
}

type Boxed = Box<dyn std::error::Error + Send + Sync>;

impl Connector {
    /// Counts those that are open in `open`.
    pub(super) fn new(open: Arc<Counter>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(LONGEST));
        Self { tcp, open }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<ClientStream>;
    type Error = Boxed;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<ClientStream>, Boxed>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Boxed>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let open = self.open.add();
        if let Some(socket) = socket_of(&target) {
            return Box::pin(async move {
                let connected = tokio::time::timeout(LONGEST, UnixStream::connect(socket)).await;
                let stream = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
                Ok(TokioIo::new(ClientStream::new(
                    Transport::Unix(stream),
                    open,
                )))
            });
        }
        let connecting = self.tcp.call(target);
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            Ok(TokioIo::new(ClientStream::new(
                Transport::Tcp(stream),
                open,
            )))
        })
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The target by which the pool knows a unix socket.
///
/// # Errors
///
/// The path is empty.
pub(super) fn target_of(socket: &Path) -> Result<(Scheme, Authority), http::Error> {
    // Not by `format!`: each request comes here.
    let path = socket.as_os_str().as_bytes();
    let digits: Vec<u8> = path
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(|digit| DIGITS[usize::from(digit)])
        .collect();
    Ok((
        Scheme::try_from(UNIX)?,
        Authority::from_maybe_shared(digits)?,
    ))
}

fn socket_of(target: &Uri) -> Option<PathBuf> {
    let digits = target
        .host()
        .filter(|_| target.scheme_str() == Some(UNIX))?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    bytes.map(|bytes| std::ffi::OsString::from_vec(bytes).into())
}
