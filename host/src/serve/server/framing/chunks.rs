//! A body in chunks, to the letter of RFC 9112 §7.1.

use super::{FramingError, Refused};

/// The longest line of a chunk: its size and its extensions.
pub(super) const LINE_MAX: u16 = 4096;

/// As many digits as a `u64` has.
const DIGITS_MAX: u16 = 16;

/// Where in a body its bytes are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunks {
    at: At,
    /// Of the chunk that is being read.
    size: u64,
    /// How many bytes its line has.
    line: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    /// Whitespace before the `;` of an extension.
    BeforeSemicolon,
    /// Whitespace before the name of an extension.
    BeforeName,
    Name,
    /// Whitespace before the `=`.
    BeforeEquals,
    /// Whitespace before the value.
    BeforeValue,
    Value,
    Quoted,
    /// After a backslash in a quoted value.
    Escaped,
    AfterQuoted,
    LineLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

impl Chunks {
    pub(super) fn have_ended(&self) -> bool {
        self.at == At::End
    }

    /// Reads to the end of the body, or of `bytes`. Returns how many it has read.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        let mut read = 0;
        while let [byte, ..] = bytes[read..] {
            match self.at {
                At::End => break,
                At::Data => {
                    let size = usize::try_from(self.size).unwrap_or(usize::MAX);
                    let taken = size.min(bytes.len() - read);
                    self.size -= taken as u64;
                    if self.size == 0 {
                        self.at = At::DataCr;
                    }
                    read += taken;
                }
                _ => {
                    let refused = |error| Refused { valid: read, error };
                    self.at = self.next(byte).map_err(refused)?;
                    read += 1;
                }
            }
        }
        Ok(read)
    }

    fn next(&mut self, byte: u8) -> Result<At, FramingError> {
        self.line = self.line.saturating_add(1);
        if self.line > LINE_MAX && !self.is_in_trailers() {
            return Err(FramingError::ChunkLineTooLong);
        }
        let space = byte == b' ' || byte == b'\t';
        Ok(match (self.at, byte) {
            (At::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                if self.line > DIGITS_MAX {
                    return Err(FramingError::InvalidChunk);
                }
                let digit = (byte as char).to_digit(16).unwrap_or_default();
                self.size = self.size << 4 | u64::from(digit);
                At::Size
            }
            (At::Size, _) if self.line == 1 => return Err(FramingError::InvalidChunk),
            (At::Size | At::Name | At::Value | At::AfterQuoted, b'\r') => At::LineLf,
            (
                At::Size
                | At::BeforeSemicolon
                | At::Name
                | At::BeforeEquals
                | At::Value
                | At::AfterQuoted,
                b';',
            ) => At::BeforeName,
            (At::Size | At::BeforeSemicolon | At::Value | At::AfterQuoted, _) if space => {
                At::BeforeSemicolon
            }
            (At::BeforeName, _) if space => At::BeforeName,
            (At::BeforeName | At::Name, _) if is_token(byte) => At::Name,
            // Before the next extension, or before the value of this one.
            (At::Name | At::BeforeEquals, _) if space => At::BeforeEquals,
            (At::Name | At::BeforeEquals, b'=') => At::BeforeValue,
            (At::BeforeValue, _) if space => At::BeforeValue,
            (At::BeforeValue, b'"') => At::Quoted,
            (At::BeforeValue | At::Value, _) if is_token(byte) => At::Value,
            (At::Quoted, b'"') => At::AfterQuoted,
            (At::Quoted, b'\\') => At::Escaped,
            (At::Quoted | At::Escaped, _) if is_text(byte) => At::Quoted,
            (At::LineLf, b'\n') => {
                self.line = 0;
                match self.size {
                    0 => At::TrailerStart,
                    _ => At::Data,
                }
            }
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => {
                self.line = 0;
                At::Size
            }
            (At::TrailerStart, b'\r') => At::EndLf,
            (At::TrailerStart, _) if is_token(byte) => At::Trailer,
            (At::Trailer, b'\r') => At::TrailerLf,
            (At::Trailer, _) if is_text(byte) => At::Trailer,
            (At::TrailerLf, b'\n') => {
                self.line = 0;
                At::TrailerStart
            }
            (At::EndLf, b'\n') => At::End,
            _ if self.is_in_trailers() => return Err(FramingError::InvalidTrailers),
            _ => return Err(FramingError::InvalidChunk),
        })
    }

    fn is_in_trailers(&self) -> bool {
        matches!(
            self.at,
            At::TrailerStart | At::Trailer | At::TrailerLf | At::EndLf
        )
    }
}

/// A byte of a token (RFC 9110 §5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A byte of a field's value or of a quoted string.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
