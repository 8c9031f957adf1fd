//! Compressors that are used again: a new one costs as much as some kilobytes of compression.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::{Compress, Compression, FlushCompress};
use zstd::stream::raw::{Encoder, InBuffer, Operation, OutBuffer};

/// At most so many of each coding wait to be used again. One for gzip has 260 KiB, one for zstd some MiB, by its level.
const KEPT: usize = 4;

/// Gzip's window: 32 KiB, the most.
const WINDOW_BITS: u8 = 15;

/// The least space for output.
const SPACE: usize = 4096;

/// How far the output has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// The input is taken.
    Taken,
    /// The client can decode all input.
    Flushed,
    /// The stream has ended.
    Ended,
}

/// A compressor of one stream after another.
pub(crate) trait Compressor: Send + Sized {
    /// Compresses some input into the free space of `out`. Returns how much of it was taken, and whether the output has gone as
    /// far as it has to.
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>, until: Until) -> io::Result<(usize, bool)>;

    /// Begins a new stream, whatever the state of the one before.
    fn reset(&mut self) -> io::Result<()>;
}

pub(crate) struct Gzip(Compress);

impl Compressor for Gzip {
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>, until: Until) -> io::Result<(usize, bool)> {
        let before = self.0.total_in();
        let flush = match until {
            Until::Taken => FlushCompress::None,
            Until::Flushed => FlushCompress::Sync,
            Until::Ended => FlushCompress::Finish,
        };
        let status = self.0.compress_vec(input, out, flush)?;
        let taken = (self.0.total_in() - before) as usize;
        let done = match until {
            Until::Ended => status == flate2::Status::StreamEnd,
            // Where space is left there is nothing more to write.
            Until::Taken | Until::Flushed => taken == input.len() && out.len() < out.capacity(),
        };
        Ok((taken, done))
    }

    fn reset(&mut self) -> io::Result<()> {
        self.0.reset();
        Ok(())
    }
}

pub(crate) struct Zstd(Encoder<'static>);

impl Compressor for Zstd {
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>, until: Until) -> io::Result<(usize, bool)> {
        let start = out.len();
        let mut out = OutBuffer::around_pos(out, start);
        let mut input = InBuffer::around(input);
        if input.pos() < input.src.len() {
            self.0.run(&mut input, &mut out)?;
        }
        let taken = input.pos();
        if taken < input.src.len() {
            return Ok((taken, false));
        }
        let left = match until {
            Until::Taken => 0,
            Until::Flushed => self.0.flush(&mut out)?,
            Until::Ended => self.0.finish(&mut out, true)?,
        };
        Ok((taken, left == 0))
    }

    fn reset(&mut self) -> io::Result<()> {
        self.0.reinit()
    }
}

/// The unused compressors of a handler, each of its level. They end with it.
#[derive(Default)]
pub(crate) struct Contexts {
    gzip: Pool<Gzip>,
    zstd: Pool<Zstd>,
}

type Pool<C> = Arc<Mutex<Vec<C>>>;

impl Contexts {
    pub(crate) fn gzip(&self, level: u32) -> Stream<Gzip> {
        // No time in the header: the same content gives the same bytes.
        let new = || Gzip(Compress::new_gzip(Compression::new(level), WINDOW_BITS));
        Stream::new(&self.gzip, unused(&self.gzip).unwrap_or_else(new))
    }

    pub(crate) fn zstd(&self, level: i32) -> io::Result<Stream<Zstd>> {
        let context = match unused(&self.zstd) {
            Some(context) => context,
            None => Zstd(Encoder::new(level)?),
        };
        Ok(Stream::new(&self.zstd, context))
    }
}

fn unused<C>(pool: &Pool<C>) -> Option<C> {
    pool.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

/// A stream that is compressed into memory.
pub(crate) struct Stream<C: Compressor> {
    /// None once it has gone back.
    context: Option<C>,
    out: Vec<u8>,
    home: Pool<C>,
}

impl<C: Compressor> Stream<C> {
    fn new(home: &Pool<C>, context: C) -> Self {
        Self {
            context: Some(context),
            out: Vec::new(),
            home: Arc::clone(home),
        }
    }

    /// Compresses `input`.
    pub(crate) fn write(&mut self, mut input: &[u8], until: Until) -> io::Result<()> {
        let Some(context) = &mut self.context else {
            return Err(io::Error::other("the stream has ended"));
        };
        loop {
            self.out.reserve(SPACE.max(input.len() / 2));
            let (taken, done) = context.step(input, &mut self.out, until)?;
            input = &input[taken..];
            if done {
                return Ok(());
            }
        }
    }

    /// Takes the output since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

impl<C: Compressor> Drop for Stream<C> {
    fn drop(&mut self) {
        let Some(mut context) = self.context.take() else {
            return;
        };
        let mut unused = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        if unused.len() < KEPT && context.reset().is_ok() {
            unused.push(context);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn gunzip(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
        text
    }

    /// Writes `chunks`, some of them flushed, and returns all output.
    fn compress<C: Compressor>(mut stream: Stream<C>, chunks: &[(Vec<u8>, bool)]) -> Vec<u8> {
        let mut all = Vec::new();
        for (chunk, flush) in chunks {
            let until = if *flush { Until::Flushed } else { Until::Taken };
            stream.write(chunk, until).unwrap();
            all.extend(stream.take());
        }
        stream.write(&[], Until::Ended).unwrap();
        all.extend(stream.take());
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever a context did before, and wherever it was left, its next stream is whole.
        #[test]
        fn streams_of_one_context_are_whole(
            streams in prop::collection::vec(
                (prop::collection::vec(
                    (prop::collection::vec(any::<u8>(), 0..20_000), any::<bool>()), 0..4), any::<bool>()),
                1..5,
            ),
        ) {
            let contexts = Contexts::default();
            for (chunks, is_left) in &streams {
                let text: Vec<u8> = chunks.iter().flat_map(|(chunk, _)| chunk.clone()).collect();
                if *is_left {
                    let (mut gzip, mut zstd) = (contexts.gzip(6), contexts.zstd(3).unwrap());
                    gzip.write(&text, Until::Taken).unwrap();
                    zstd.write(&text, Until::Taken).unwrap();
                    continue;
                }
                prop_assert_eq!(&gunzip(&compress(contexts.gzip(6), chunks)), &text);
                let packed = compress(contexts.zstd(3).unwrap(), chunks);
                prop_assert_eq!(&zstd::decode_all(&packed[..]).unwrap(), &text);
            }
            prop_assert!(contexts.gzip.lock().unwrap().len() == 1);
        }
    }

    #[test]
    fn client_can_decode_what_is_flushed() {
        let contexts = Contexts::default();
        let text = vec![b'x'; 100_000];
        let mut gzip = contexts.gzip(6);
        gzip.write(&text, Until::Flushed).unwrap();
        let mut decoded = vec![0; text.len()];
        GzDecoder::new(&gzip.take()[..])
            .read_exact(&mut decoded)
            .unwrap();
        assert_eq!(decoded, text);
        let mut zstd = contexts.zstd(3).unwrap();
        zstd.write(&text, Until::Flushed).unwrap();
        let flushed = zstd.take();
        let mut decoder = zstd::Decoder::new(&flushed[..]).unwrap();
        decoder.read_exact(&mut decoded).unwrap();
        assert_eq!(decoded, text);
    }
}
