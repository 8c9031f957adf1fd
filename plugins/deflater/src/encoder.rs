//! The codings behind one type.

use std::io::{self, Write};

use brotli::CompressorWriter;

use crate::config::{Coding, Levels};
use crate::contexts::{Contexts, Gzip, Stream, Until, Zstd};

/// Brotli's input buffer.
const BROTLI_BUFFER: usize = 4096;
/// The logarithm of brotli's window: 512 KiB for each response in progress.
const BROTLI_WINDOW: u32 = 19;

/// Compresses into memory.
pub(crate) enum Encoder {
    Gzip(Stream<Gzip>),
    Br(Box<CompressorWriter<Vec<u8>>>),
    Zstd(Stream<Zstd>),
}

impl Encoder {
    pub(crate) fn new(coding: Coding, level: &Levels, contexts: &Contexts) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(contexts.gzip(level.gzip)),
            Coding::Br => {
                let (buffer, window) = (BROTLI_BUFFER, BROTLI_WINDOW);
                let writer = CompressorWriter::new(Vec::new(), buffer, level.br, window);
                Self::Br(Box::new(writer))
            }
            Coding::Zstd => Self::Zstd(contexts.zstd(level.zstd)?),
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(stream) => stream.write(bytes, Until::Taken),
            Self::Br(writer) => writer.write_all(bytes),
            Self::Zstd(stream) => stream.write(bytes, Until::Taken),
        }
    }

    /// Flushes, so that the client can decode everything written so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(stream) => stream.write(&[], Until::Flushed),
            Self::Br(writer) => writer.flush(),
            Self::Zstd(stream) => stream.write(&[], Until::Flushed),
        }
    }

    /// Takes the output since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Gzip(stream) => stream.take(),
            Self::Br(writer) => std::mem::take(writer.get_mut()),
            Self::Zstd(stream) => stream.take(),
        }
    }

    /// Ends the stream and returns the rest of the output.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(mut stream) => {
                stream.write(&[], Until::Ended)?;
                Ok(stream.take())
            }
            Self::Br(writer) => Ok(writer.into_inner()),
            Self::Zstd(mut stream) => {
                stream.write(&[], Until::Ended)?;
                Ok(stream.take())
            }
        }
    }
}
