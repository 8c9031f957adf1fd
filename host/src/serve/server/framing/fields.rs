//! The two header fields that say how long a body is, byte by byte.

use super::FramingError;

/// A field that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    ContentLength,
    TransferEncoding,
}

/// What the fields of a head have said so far.
#[derive(Debug, Default)]
pub(super) struct Fields {
    any: bool,
    pub(super) length: Length,
    pub(super) codings: Codings,
}

impl Fields {
    /// Whether there were none.
    pub(super) fn is_empty(&self) -> bool {
        !self.any
    }

    /// Reads a byte of a field's value, or the end of its line.
    pub(super) fn next(&mut self, field: Field, byte: u8) -> Result<(), FramingError> {
        self.any = true;
        match (field, byte) {
            (Field::ContentLength, b'\n') => self.length.end()?,
            (Field::ContentLength, byte) => self.length.next(byte)?,
            (Field::TransferEncoding, b'\n') => self.codings.end(),
            (Field::TransferEncoding, byte) => self.codings.next(byte),
        }
        Ok(())
    }
}

/// A field's name that may still become one that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    field: Field,
    /// How many of its bytes were read.
    read: usize,
}

impl Name {
    /// The name that begins with `byte`, if it may matter.
    #[inline]
    pub(super) fn begins(byte: u8) -> Option<Self> {
        let field = match byte | 0x20 {
            b'c' => Field::ContentLength,
            b't' => Field::TransferEncoding,
            _ => return None,
        };
        Some(Self { field, read: 1 })
    }

    /// Reads on. `Some(None)`: it is another name.
    #[inline]
    pub(super) fn next(&mut self, byte: u8) -> Option<Option<Field>> {
        let name: &[u8] = match self.field {
            Field::ContentLength => b"content-length:",
            Field::TransferEncoding => b"transfer-encoding:",
        };
        if !byte.eq_ignore_ascii_case(&name[self.read]) {
            return Some(None);
        }
        self.read += 1;
        (self.read == name.len()).then_some(Some(self.field))
    }
}

/// The `content-length` of a head.
#[derive(Debug, Default)]
pub(super) struct Length {
    /// Of the lines before.
    value: Option<u64>,
    /// Of this line. Too many digits are the largest number.
    digits: Option<u64>,
    /// Whether whitespace followed the digits.
    ended: bool,
}

impl Length {
    pub(super) fn value(&self) -> Option<u64> {
        self.value
    }

    pub(super) fn next(&mut self, byte: u8) -> Result<(), FramingError> {
        match byte {
            b' ' | b'\t' | b'\r' => self.ended = self.digits.is_some(),
            b'0'..=b'9' if !self.ended => {
                let digits = self.digits.unwrap_or(0).saturating_mul(10);
                self.digits = Some(digits.saturating_add(u64::from(byte - b'0')));
            }
            _ => return Err(FramingError::InvalidLength),
        }
        Ok(())
    }

    /// The line ends.
    pub(super) fn end(&mut self) -> Result<(), FramingError> {
        let digits = self.digits.take().ok_or(FramingError::InvalidLength)?;
        self.ended = false;
        match self.value.replace(digits) {
            Some(before) if before != digits => Err(FramingError::InvalidLength),
            _ => Ok(()),
        }
    }
}

/// The transfer codings of a head.
#[derive(Debug, Default)]
pub(super) struct Codings {
    lines: bool,
    chunked: u8,
    others: bool,
    /// Whether the last one is `chunked`.
    last: bool,
    word: Word,
}

/// The coding that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// As many bytes of `chunked` were read.
    Chunked(usize),
    Other,
}

impl Default for Word {
    fn default() -> Self {
        Self::Chunked(0)
    }
}

const CHUNKED: &[u8] = b"chunked";

impl Codings {
    /// Whether the body comes in chunks; not if there is no coding.
    pub(super) fn is_chunked(&self) -> Result<bool, FramingError> {
        match self {
            Self { lines: false, .. } => Ok(false),
            Self { last: false, .. } => Err(FramingError::NotChunked),
            Self { others: true, .. } => Err(FramingError::UnknownCoding),
            Self { chunked: 1, .. } => Ok(true),
            _ => Err(FramingError::NotChunked),
        }
    }

    pub(super) fn next(&mut self, byte: u8) {
        self.word = match (byte, self.word) {
            (b',', _) => return self.end_word(),
            (b' ' | b'\t' | b'\r', word) => match word {
                // Whitespace within it: what follows makes it another word.
                Word::Chunked(read) if read > 0 && read < CHUNKED.len() => Word::Other,
                word => word,
            },
            (byte, Word::Chunked(read))
                if CHUNKED.get(read) == Some(&byte.to_ascii_lowercase()) =>
            {
                Word::Chunked(read + 1)
            }
            _ => Word::Other,
        };
    }

    /// The line ends.
    pub(super) fn end(&mut self) {
        self.lines = true;
        self.end_word();
    }

    fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        self.last = word == Word::Chunked(CHUNKED.len());
        match word {
            // An empty item.
            Word::Chunked(0) => {}
            _ if self.last => self.chunked = self.chunked.saturating_add(1),
            _ => self.others = true,
        }
    }
}
