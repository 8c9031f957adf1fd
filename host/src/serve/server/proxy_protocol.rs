//! The PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt): a header before the first request, which names
//! the client of the connection.
//!
//! No read goes past the header: the bytes after it belong to HTTP, which reads the same stream.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use stackup_plugin::abi::host::Connection;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::Phase;
use super::connection_state::ConnectionContext;
use super::forwarded::canonical;

/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The longest line of version 1, with its CRLF.
const LINE_MAX: usize = 107;

/// The longest header of version 2, with all its TLVs.
const HEADER_MAX: usize = 2048;

/// Why a connection is closed before its first request.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyHeaderError {
    #[error("`trusted_proxies` does not list its peer")]
    Untrusted,
    #[error("no PROXY header arrived within `header_timeout`")]
    TooSlow,
    #[error("the server stops")]
    Stopping,
    #[error("its PROXY header did not arrive: {0}")]
    Read(#[from] io::Error),
    #[error("it does not begin with a PROXY header")]
    Missing,
    #[error("its PROXY header is malformed")]
    Malformed,
    #[error("its PROXY header has {0} bytes; at most {HEADER_MAX} are read")]
    TooLong(usize),
}

/// The ends of a connection as its header names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends {
    source: SocketAddr,
    destination: SocketAddr,
}

/// Reads the header of a connection. Returns the connection as the layers see it.
pub(super) async fn accept_header(
    stream: &mut (impl AsyncRead + Unpin),
    connection: Connection,
    served: &ConnectionContext,
) -> Result<Connection, ProxyHeaderError> {
    let generation = served.answers.active.load();
    let peer = connection.remote.map(|remote| remote.ip());
    if !generation.trusted_proxies.trust(peer) {
        return Err(ProxyHeaderError::Untrusted);
    }
    let limit = generation.limits.header_timeout;
    drop(generation);
    let header = async {
        match limit {
            Some(limit) => match timeout(limit, read(stream)).await {
                Ok(read) => read,
                Err(_) => Err(ProxyHeaderError::TooSlow),
            },
            None => read(stream).await,
        }
    };
    let mut phase = served.phase.clone();
    let ends = tokio::select! {
        ends = header => ends?,
        // An error means that the sender is gone, which is an end as well.
        _ = phase.wait_for(|phase| *phase == Phase::Stopping) => return Err(ProxyHeaderError::Stopping),
    };
    Ok(match ends {
        Some(Ends {
            source,
            destination,
        }) => Connection {
            remote: Some(canonical(source)),
            local: Some(canonical(destination)),
            ..connection
        },
        None => connection,
    })
}

/// Reads a header and nothing after it. Returns `None` if it names no addresses.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Ends>, ProxyHeaderError> {
    // Each version's shortest header is longer than this.
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    if start == SIGNATURE {
        return read_version_2(stream).await;
    }
    if !start.starts_with(b"PROXY ") {
        return Err(ProxyHeaderError::Missing);
    }
    read_version_1(stream, start.to_vec()).await
}

/// Reads the rest of a line that begins with `line`.
async fn read_version_1(
    stream: &mut (impl AsyncRead + Unpin),
    mut line: Vec<u8>,
) -> Result<Option<Ends>, ProxyHeaderError> {
    // The shortest line of each kind, then what a line must at least have left.
    let shortest: &[u8] = match &line {
        line if line.starts_with(b"PROXY TCP4 ") => b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n",
        line if line.starts_with(b"PROXY TCP6 ") => b"PROXY TCP6 :: :: 0 0\r\n",
        _ => b"PROXY UNKNOWN\r\n",
    };
    let mut length = shortest.len();
    loop {
        if length > LINE_MAX {
            return Err(ProxyHeaderError::Malformed);
        }
        let read = line.len();
        line.resize(length, 0);
        stream.read_exact(&mut line[read..]).await?;
        length += match line.as_slice() {
            [.., b'\r', b'\n'] => return parse_version_1(&line),
            [.., b'\r'] => 1,
            _ => 2,
        };
    }
}

fn parse_version_1(line: &[u8]) -> Result<Option<Ends>, ProxyHeaderError> {
    // What follows is to be ignored.
    if let Some(b"\r\n" | [b' ', ..]) = line.strip_prefix(b"PROXY UNKNOWN") {
        return Ok(None);
    }
    let ends = std::str::from_utf8(line).ok().and_then(|line| {
        let fields = line.strip_prefix("PROXY ")?.strip_suffix("\r\n")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let [family, source, destination, source_port, destination_port] = fields[..] else {
            return None;
        };
        let ip = |text: &str| -> Option<IpAddr> {
            match family {
                "TCP4" => Some(text.parse::<Ipv4Addr>().ok()?.into()),
                "TCP6" => Some(text.parse::<Ipv6Addr>().ok()?.into()),
                _ => None,
            }
        };
        Some(Ends {
            source: SocketAddr::new(ip(source)?, port(source_port)?),
            destination: SocketAddr::new(ip(destination)?, port(destination_port)?),
        })
    });
    ends.map(Some).ok_or(ProxyHeaderError::Malformed)
}

/// A decimal number without a sign or leading zeros.
fn port(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    let canonical = text == "0" || text.starts_with(|first: char| ('1'..='9').contains(&first));
    canonical.then_some(port)
}

/// Reads what follows the signature.
async fn read_version_2(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<Ends>, ProxyHeaderError> {
    let mut fixed = [0; 4];
    stream.read_exact(&mut fixed).await?;
    let [command, family, length @ ..] = fixed;
    let length = usize::from(u16::from_be_bytes(length));
    let whole = SIGNATURE.len() + fixed.len() + length;
    if whole > HEADER_MAX {
        return Err(ProxyHeaderError::TooLong(whole));
    }
    let mut block = vec![0; length];
    stream.read_exact(&mut block).await?;
    parse_version_2(command, family, &block)
}

/// Reads the addresses of `block`. TLVs follow them.
fn parse_version_2(
    command: u8,
    family: u8,
    block: &[u8],
) -> Result<Option<Ends>, ProxyHeaderError> {
    match (command, family) {
        // LOCAL: the proxy's own connection, such as a health check.
        (0x20, _) => Ok(None),
        // TCP over IPv4.
        (0x21, 0x11) => ends::<4>(block).map(Some),
        // TCP over IPv6.
        (0x21, 0x21) => ends::<16>(block).map(Some),
        // Unknown, UDP, or a Unix socket of the proxy's.
        (0x21, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => Ok(None),
        _ => Err(ProxyHeaderError::Malformed),
    }
}

/// Two addresses of `N` bytes, then two ports.
fn ends<const N: usize>(block: &[u8]) -> Result<Ends, ProxyHeaderError>
where
    IpAddr: From<[u8; N]>,
{
    let split = || {
        let (source, rest) = block.split_first_chunk::<N>()?;
        let (destination, rest) = rest.split_first_chunk::<N>()?;
        let (source_port, rest) = rest.split_first_chunk()?;
        let (destination_port, _) = rest.split_first_chunk()?;
        let end = |ip: &[u8; N], port| SocketAddr::new((*ip).into(), u16::from_be_bytes(port));
        Some(Ends {
            source: end(source, *source_port),
            destination: end(destination, *destination_port),
        })
    };
    split().ok_or(ProxyHeaderError::Malformed)
}

#[cfg(test)]
#[path = "proxy_protocol_tests.rs"]
mod tests;
