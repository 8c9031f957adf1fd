//! The codings behind one type.

use std::io::{self, Write};

use brotli::CompressorWriter;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::config::{Coding, Levels};

/// Brotli's input buffer.
const BROTLI_BUFFER: usize = 4096;
/// The logarithm of brotli's window: 512 KiB for each response in progress.
const BROTLI_WINDOW: u32 = 19;

/// Compresses into memory.
pub(crate) enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Br(Box<CompressorWriter<Vec<u8>>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    pub(crate) fn new(coding: Coding, level: &Levels) -> io::Result<Self> {
        Ok(match coding {
            // No time in the header: the same content gives the same bytes.
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::new(level.gzip))),
            Coding::Br => {
                let (buffer, window) = (BROTLI_BUFFER, BROTLI_WINDOW);
                let writer = CompressorWriter::new(Vec::new(), buffer, level.br, window);
                Self::Br(Box::new(writer))
            }
            Coding::Zstd => Self::Zstd(zstd::Encoder::new(Vec::new(), level.zstd)?),
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer().write_all(bytes)
    }

    /// Flushes, so that the client can decode everything written so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }

    /// Takes the output since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Br(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        })
    }

    /// Ends the stream and returns the rest of the output.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Br(encoder) => Ok(encoder.into_inner()),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Gzip(encoder) => encoder,
            Self::Br(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
        }
    }
}
