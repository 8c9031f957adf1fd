//! The framing of requests as they arrive (RFC 9112 §2 to §7): what hyper accepts and RFC 9112 does not.
//!
//! Reads along with hyper: it takes the same bytes, finds the same ends of heads and bodies, and keeps none. It refuses
//! a head before hyper has seen its last byte, and a chunk before hyper has seen what is wrong with it. What hyper
//! refuses itself is left to hyper.

mod arrivals;
mod chunks;
mod fields;

use http::StatusCode;

pub(super) use self::arrivals::Arrivals;
use self::chunks::Chunks;
use self::fields::{Field, Fields, Name};

/// The longest body that hyper counts; it has a meaning of its own for the two numbers above.
const LONGEST: u64 = u64::MAX - 2;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// A client keeps it to itself (RFC 9112 §3.2).
    #[error("the request's target has a fragment")]
    Fragment,
    /// One of the two may be for another recipient (RFC 9112 §6.1).
    #[error("the request has `content-length` and `transfer-encoding`")]
    LengthAndCoding,
    /// Nor is it the same number twice, in two lines.
    #[error("the request's `content-length` is not one decimal number")]
    InvalidLength,
    /// hyper could not count it.
    #[error("the request's `content-length` is larger than any limit")]
    LengthTooLarge,
    /// Where the body ends is then unknown (RFC 9112 §6.3).
    #[error(
        "the request's last transfer coding is not `chunked`, or not the only one of that name"
    )]
    NotChunked,
    /// The body could not be decoded (RFC 9112 §6.1).
    #[error("the request has a transfer coding other than `chunked`")]
    UnknownCoding,
    /// As RFC 9112 §7.1 writes chunks.
    #[error("a chunk of the request's body is malformed")]
    InvalidChunk,
    /// The limit of the size and the extensions.
    #[error(
        "a chunk of the request's body has a line of more than {} bytes",
        chunks::LINE_MAX
    )]
    ChunkLineTooLong,
    /// In HTTP/2; hyper counts those of HTTP/1.
    #[error("the request has more than `[limits] header_count` fields")]
    TooManyFields,
    /// Their lines end with CRLF, and have no control characters.
    #[error("the trailers of the request are malformed")]
    InvalidTrailers,
}

impl FramingError {
    /// The status of the response.
    pub fn status(self) -> StatusCode {
        match self {
            Self::LengthTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// An error, and how many of the bytes come before it.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// The bytes before it.
    pub valid: usize,
    /// Why this byte is refused.
    pub error: FramingError,
}

/// Where in the requests of a connection its bytes are.
#[derive(Debug, Default)]
pub struct Framing {
    at: At,
    /// Of this head.
    fields: Fields,
    /// How many heads have ended.
    heads: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum At {
    /// Before a request line, or in an empty line before it.
    #[default]
    Start,
    RequestLine {
        in_target: bool,
    },
    LineStart,
    Name(Name),
    Value(Field),
    /// The rest of a line that does not matter.
    Line,
    Body(u64),
    Chunks(Chunks),
}

/// How many bytes were read, or an error at a byte.
type Step = Result<usize, Refused>;

impl Framing {
    /// Reads on.
    ///
    /// # Errors
    ///
    /// The bytes break a rule that hyper does not check.
    #[inline]
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut at = 0;
        while at < bytes.len() {
            at += self.step(&bytes[at..]).map_err(|refused| Refused {
                valid: at + refused.valid,
                ..refused
            })?;
        }
        Ok(())
    }

    /// Reads a part of `bytes`, which are not empty.
    #[inline]
    fn step(&mut self, bytes: &[u8]) -> Step {
        let byte = bytes[0];
        match &mut self.at {
            At::Start if matches!(byte, b'\r' | b'\n') => Ok(1),
            At::Start => self.request_line(bytes, false),
            At::RequestLine { in_target } => {
                let in_target = *in_target;
                self.request_line(bytes, in_target)
            }
            At::LineStart => self.line_start(bytes),
            At::Line => Ok(newline(bytes).map_or(bytes.len(), |end| self.lines(bytes, end + 1))),
            At::Name(name) => {
                if let Some(field) = name.next(byte) {
                    self.at = field.map_or(At::Line, At::Value);
                }
                // A name that ends with its line is none.
                Ok(usize::from(byte != b'\n'))
            }
            At::Value(field) => {
                let field = *field;
                if byte == b'\n' {
                    self.at = At::LineStart;
                }
                self.fields.next(field, byte).map_err(first)?;
                Ok(1)
            }
            At::Body(left) => {
                let taken =
                    usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                if *left == 0 {
                    self.at = At::Start;
                }
                Ok(taken)
            }
            At::Chunks(chunks) => {
                let taken = chunks.read(bytes)?;
                if chunks.have_ended() {
                    self.at = At::Start;
                }
                Ok(taken)
            }
        }
    }

    #[inline]
    fn request_line(&mut self, bytes: &[u8], in_target: bool) -> Step {
        let end = newline(bytes);
        let line = &bytes[..end.unwrap_or(bytes.len())];
        // A method may have a `#`.
        let method = |in_target| match in_target {
            true => Some(0),
            false => line.iter().position(|byte| *byte == b' '),
        };
        if may_have_fragment(bytes, line.len()) {
            let target = method(in_target).unwrap_or(line.len());
            if let Some(hash) = line[target..].iter().position(|byte| *byte == b'#') {
                let (valid, error) = (target + hash, FramingError::Fragment);
                return Err(Refused { valid, error });
            }
        }
        if let Some(end) = end {
            return Ok(self.lines(bytes, end + 1));
        }
        let in_target = method(in_target).is_some();
        self.at = At::RequestLine { in_target };
        Ok(bytes.len())
    }

    /// Skips lines that do not matter, from the start of a line on. Returns the place of the first line that may
    /// matter, or where the head ends.
    #[inline]
    fn lines(&mut self, bytes: &[u8], mut at: usize) -> usize {
        self.at = loop {
            match &bytes[at..] {
                [b'\r', b'\n', ..] if self.fields.is_empty() => {
                    at += 2;
                    self.heads += 1;
                    break At::Start;
                }
                [] | [b'\r' | b'\n', ..] => break At::LineStart,
                line if may_matter(line) => break At::LineStart,
                line => match newline(line) {
                    Some(end) => at += end + 1,
                    None => {
                        at = bytes.len();
                        break At::Line;
                    }
                },
            }
        };
        at
    }

    fn line_start(&mut self, bytes: &[u8]) -> Step {
        match bytes[0] {
            b'\n' => {
                self.at = std::mem::take(&mut self.fields).body().map_err(first)?;
                self.heads += 1;
                Ok(1)
            }
            // hyper refuses one that no LF follows.
            b'\r' => Ok(1),
            byte => match Name::begins(byte) {
                Some(name) => {
                    self.at = At::Name(name);
                    Ok(1)
                }
                None => Ok(self.lines(bytes, 0)),
            },
        }
    }
}

impl Fields {
    /// What follows a head with these fields.
    fn body(self) -> Result<At, FramingError> {
        match (self.codings.is_chunked()?, self.length.value()) {
            (true, None) => Ok(At::Chunks(Chunks::default())),
            (true, Some(_)) => Err(FramingError::LengthAndCoding),
            (false, Some(length)) if length > LONGEST => Err(FramingError::LengthTooLarge),
            (false, None | Some(0)) => Ok(At::Start),
            (false, Some(length)) => Ok(At::Body(length)),
        }
    }
}

/// Refuses the first byte.
fn first(error: FramingError) -> Refused {
    Refused { valid: 0, error }
}

/// Whether a line may be one of [`Field`]: by two bytes, which most lines do not have.
#[inline]
fn may_matter(line: &[u8]) -> bool {
    match line {
        [b'c' | b'C', _, _, fourth, ..] => fourth | 0x20 == b't',
        [b't' | b'T', _, _, fourth, ..] => fourth | 0x20 == b'n',
        [first, ..] => matches!(first, b'c' | b'C' | b't' | b'T'),
        [] => false,
    }
}

/// The place of the first LF. (`memchr` costs more for lines as short as these.)
#[inline]
fn newline(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        if has(chunk, b'\n') {
            // The lowest set bit is in the first byte that is LF.
            let [low, high] = [0, 8].map(|half| {
                let half = chunk[half..]
                    .first_chunk()
                    .map_or(0, |half| u64::from_le_bytes(*half));
                let others = half ^ (ONES * 0x0a);
                others.wrapping_sub(ONES) & !others & (ONES * 0x80)
            });
            let zeros = match low {
                0 => 64 + high.trailing_zeros(),
                low => low.trailing_zeros(),
            };
            return Some(at + zeros as usize / 8);
        }
        at += CHUNK;
    }
    let end = bytes[at..].iter().position(|byte| *byte == b'\n')?;
    Some(at + end)
}

/// 1 in each byte.
const ONES: u64 = u64::MAX / 255;

/// What one comparison takes.
const CHUNK: usize = 16;

/// Whether the first line, or the few bytes after it, have a `#`.
#[inline]
fn may_begin_with_fragment(bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        if has(chunk, b'#') {
            return true;
        }
        if has(chunk, b'\n') {
            return false;
        }
        at += CHUNK;
    }
    bytes[at..].contains(&b'#')
}

/// Whether one of the first `end` bytes, or of the few after them, is `#`.
#[inline]
fn may_have_fragment(bytes: &[u8], end: usize) -> bool {
    let mut at = 0;
    while at < end {
        match bytes[at..].first_chunk() {
            Some(chunk) if has(chunk, b'#') => return true,
            Some(_) => at += CHUNK,
            None => return bytes[at..].contains(&b'#'),
        }
    }
    false
}

/// Compiles to one comparison.
#[inline]
fn has(chunk: &[u8; CHUNK], wanted: u8) -> bool {
    chunk
        .iter()
        .fold(false, |has, byte| has | (*byte == wanted))
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
