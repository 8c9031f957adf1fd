//! HTTP/2 frame by frame (RFC 9113), for clients that do what no library does.

use std::io;

use crate::Connection;

/// The preface and an empty SETTINGS frame.
pub const BEGIN: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A frame that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// 0 DATA, 1 HEADERS, 3 RST_STREAM, 4 SETTINGS, 6 PING, 7 GOAWAY, 8 WINDOW_UPDATE.
    pub kind: u8,
    /// 1 is END_STREAM, and ACK.
    pub flags: u8,
    /// 0 is the connection.
    pub stream: u32,
    /// What follows the nine bytes.
    pub payload: Vec<u8>,
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A HEADERS frame for GET of a path of at most 126 bytes. `flags`: 1 ends the stream, 4 the headers.
pub fn get(stream: u32, path: &str, flags: u8) -> Vec<u8> {
    // `:method: GET`, `:scheme: http`, then literals for `:authority` and `:path` (RFC 7541).
    let mut block = vec![0x82, 0x86, 0x41, 4];
    block.extend(b"test");
    block.extend([0x44, u8::try_from(path.len()).expect("a short path")]);
    block.extend(path.as_bytes());
    frame(1, flags, stream, &block)
}

/// The next frame.
///
/// # Errors
///
/// The connection ends first.
pub async fn next(connection: &mut Connection) -> io::Result<Frame> {
    let head = connection.part(9).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let payload = connection.part(length as usize).await?;
    Ok(Frame {
        kind: head[3],
        flags: head[4],
        stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
        payload,
    })
}

/// Receives frames up to one of this kind.
///
/// # Errors
///
/// The connection ends first.
pub async fn until(connection: &mut Connection, kind: u8) -> io::Result<Frame> {
    loop {
        let frame = next(connection).await?;
        if frame.kind == kind {
            return Ok(frame);
        }
    }
}

/// Receives everything until the host ends the connection. Returns the last frame of this kind.
pub async fn last(connection: &mut Connection, kind: u8) -> Option<Frame> {
    let mut last = None;
    while let Ok(frame) = next(connection).await {
        last = Some(frame).filter(|frame| frame.kind == kind).or(last);
    }
    last
}
