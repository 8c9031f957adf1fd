//! The records of FastCGI 1.0, as they are on the wire (specification, section 3.3).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Malformed;

/// The only version.
const VERSION: u8 = 1;

/// The length of a record's header.
const HEADER: usize = 8;

/// The longest content of a record.
pub(super) const CONTENT_MAX: usize = u16::MAX as usize;

/// The type of a record that a front server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request begins, with its role.
    BeginRequest,
    /// It is given up.
    AbortRequest,
    /// Its variables.
    Params,
    /// Its body.
    Stdin,
    /// A second stream of a filter, which is no responder.
    Data,
    /// A question about the server.
    GetValues,
    /// Any other number.
    Other(u8),
}

impl From<u8> for Kind {
    fn from(kind: u8) -> Self {
        match kind {
            1 => Self::BeginRequest,
            2 => Self::AbortRequest,
            4 => Self::Params,
            5 => Self::Stdin,
            8 => Self::Data,
            9 => Self::GetValues,
            other => Self::Other(other),
        }
    }
}

impl Kind {
    /// Whether the content of several records is one stream, which an empty record ends.
    fn is_stream(self) -> bool {
        matches!(self, Self::Params | Self::Stdin | Self::Data)
    }
}

/// The types of records that a responder sends.
const END_REQUEST: u8 = 3;
const STDOUT: u8 = 6;
const GET_VALUES_RESULT: u8 = 10;
const UNKNOWN_TYPE: u8 = 11;

/// How a request ends (section 5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProtocolStatus {
    RequestComplete = 0,
    CantMultiplex = 1,
    UnknownRole = 3,
}

/// The content of a record, or of a stream as much as has arrived: empty at the stream's end.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// That of the record.
    pub kind: Kind,
    /// The request's; 0 for the connection itself.
    pub id: u16,
    /// Of a stream not more than has arrived.
    pub content: Bytes,
}

/// Splits what arrives into records.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    /// The record that has begun.
    record: Option<Begun>,
    /// What is left of the padding after the last record.
    padding: usize,
}

#[derive(Debug, Clone, Copy)]
struct Begun {
    kind: Kind,
    id: u16,
    /// What is left of its content.
    left: usize,
    padding: usize,
}

impl Decoder {
    /// Where to put what arrives.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether all that has arrived were whole records.
    pub(super) fn is_between_records(&self) -> bool {
        self.buffer.is_empty() && self.record.is_none() && self.padding == 0
    }

    /// The next piece; none before more arrives.
    ///
    /// # Errors
    ///
    /// A record of another version. Where the next one begins is then unknown.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<Piece>, Malformed> {
        let skipped = self.padding.min(self.buffer.len());
        self.buffer.advance(skipped);
        self.padding -= skipped;
        let mut record = match self.record {
            Some(record) => record,
            None if self.padding > 0 || self.buffer.len() < HEADER => return Ok(None),
            None => self.header()?,
        };
        let arrived = self.buffer.len().min(record.left);
        let is_whole = arrived == record.left;
        if !is_whole && (arrived == 0 || !record.kind.is_stream()) {
            self.record = Some(record);
            return Ok(None);
        }
        let content = self.buffer.split_to(arrived).freeze();
        record.left -= arrived;
        if is_whole {
            self.record = None;
            self.padding = record.padding;
        } else {
            self.record = Some(record);
        }
        Ok(Some(Piece {
            kind: record.kind,
            id: record.id,
            content,
        }))
    }

    fn header(&mut self) -> Result<Begun, Malformed> {
        let version = self.buffer.get_u8();
        let kind = Kind::from(self.buffer.get_u8());
        let id = self.buffer.get_u16();
        let left = usize::from(self.buffer.get_u16());
        let padding = usize::from(self.buffer.get_u8());
        self.buffer.advance(1);
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        Ok(Begun {
            kind,
            id,
            left,
            padding,
        })
    }
}

/// Appends a record. Its content has at most [`CONTENT_MAX`] bytes.
fn put(output: &mut BytesMut, kind: u8, id: u16, content: &[u8]) {
    debug_assert!(content.len() <= CONTENT_MAX);
    output.reserve(HEADER + content.len());
    output.put_u8(VERSION);
    output.put_u8(kind);
    output.put_u16(id);
    output.put_u16(content.len() as u16);
    // No padding: what is read after it is copied anyway.
    output.put_u16(0);
    output.put_slice(content);
}

/// Appends a part of a response. Nothing is appended for no bytes, which would end the response.
pub(super) fn put_stdout(output: &mut BytesMut, id: u16, bytes: &[u8]) {
    for content in bytes.chunks(CONTENT_MAX) {
        put(output, STDOUT, id, content);
    }
}

/// Ends a response, and its request.
pub(super) fn put_response_end(output: &mut BytesMut, id: u16) {
    put(output, STDOUT, id, &[]);
    put_end(output, id, ProtocolStatus::RequestComplete);
}

/// Ends a request.
pub(super) fn put_end(output: &mut BytesMut, id: u16, status: ProtocolStatus) {
    // Four bytes of the application's own status, as of a process that has exited.
    let content = [0, 0, 0, 0, status as u8, 0, 0, 0];
    put(output, END_REQUEST, id, &content);
}

/// Answers a record whose type is unknown.
pub(super) fn put_unknown_type(output: &mut BytesMut, kind: u8) {
    put(output, UNKNOWN_TYPE, 0, &[kind, 0, 0, 0, 0, 0, 0, 0]);
}

/// Answers a request for values. `content` is name-value pairs.
pub(super) fn put_values(output: &mut BytesMut, content: &[u8]) {
    put(output, GET_VALUES_RESULT, 0, content);
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
