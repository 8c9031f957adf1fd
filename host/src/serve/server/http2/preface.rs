//! Prior knowledge: a connection in the clear says in its first bytes that it speaks HTTP/2 (RFC 9113 §3.4).

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

/// As much of the preface as no request of HTTP/1 begins with.
const BEGIN: &[u8] = b"PRI * HTTP/2.0";

/// Reads until it is known whether a connection begins with the preface. Returns what was read as well.
///
/// # Errors
///
/// The connection ends first.
pub(in crate::serve::server) async fn has_preface(
    socket: &mut (impl AsyncRead + Unpin),
) -> io::Result<(bool, Bytes)> {
    let mut read = Vec::with_capacity(BEGIN.len());
    while read.len() < BEGIN.len() && BEGIN.starts_with(&read) {
        let mut rest = (&mut *socket).take((BEGIN.len() - read.len()) as u64);
        if rest.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((read == BEGIN, read.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn preface_is_told_from_a_method_by_its_first_other_byte() {
        for (sent, wanted) in [
            (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], Some(true)),
            (b"PUT / HTTP/1.1\r\n", Some(false)),
            (b"PRI * HTTP/1.1\r\n\r\n", Some(false)),
            (b"PRI", None),
        ] {
            let mut rest = sent;
            let read = has_preface(&mut rest).await.ok();
            assert_eq!(read.as_ref().map(|(is, _)| *is), wanted);
            if let Some((_, read)) = read {
                assert_eq!([&read[..], rest].concat(), sent);
            }
        }
    }
}
