//! Chunks in pieces that grow.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use stackup_plugin::Bytes;

/// So many chunks are passed on as they come: a form whose field is at its start is not waited for.
const AT_ONCE: usize = 64;

/// After that a piece has at least this part of all bytes before it.
const PART: usize = 8;

/// A stream of chunks for a parser that searches all it holds at each chunk. A client could send a body in a hundred
/// thousand tiny ones, and the search would cost the square of its length.
pub(crate) struct Growing<S> {
    chunks: S,
    /// How many chunks came.
    count: usize,
    /// How many bytes were passed on.
    passed: usize,
    held: Vec<u8>,
}

impl<S> Growing<S> {
    pub(crate) fn new(chunks: S) -> Self {
        Self {
            chunks,
            count: 0,
            passed: 0,
            held: Vec::new(),
        }
    }

    fn pass(&mut self, piece: Bytes) -> Poll<Option<Result<Bytes, std::io::Error>>> {
        self.passed += piece.len();
        Poll::Ready(Some(Ok(piece)))
    }
}

impl<S: Stream<Item = Result<Bytes, std::io::Error>> + Unpin> Stream for Growing<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        loop {
            match ready!(Pin::new(&mut self.chunks).poll_next(cx)) {
                Some(Ok(chunk)) if self.count < AT_ONCE => {
                    self.count += 1;
                    return self.pass(chunk);
                }
                Some(Ok(chunk)) => self.held.extend_from_slice(&chunk),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None if self.held.is_empty() => return Poll::Ready(None),
                None => {
                    let rest = std::mem::take(&mut self.held);
                    return self.pass(rest.into());
                }
            }
            if self.held.len() * PART >= self.passed {
                let piece = std::mem::take(&mut self.held);
                return self.pass(piece.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many chunks of 100 bytes.
    struct Chunks(usize);

    impl Stream for Chunks {
        type Item = Result<Bytes, std::io::Error>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            let more = self.0.checked_sub(1);
            let chunk = Bytes::from_static(&[b'x'; 100]);
            Poll::Ready(more.map(|left| {
                self.0 = left;
                Ok(chunk)
            }))
        }
    }

    #[test]
    fn what_a_parser_searches_is_linear_in_the_body() {
        for chunks in [0, 1, AT_ONCE, 1000, 10_000, 100_000] {
            let mut growing = Growing::new(Chunks(chunks));
            let mut cx = Context::from_waker(std::task::Waker::noop());
            // At each piece, a parser may search all bytes so far.
            let (mut bytes, mut searched) = (0, 0);
            while let Poll::Ready(Some(piece)) = Pin::new(&mut growing).poll_next(&mut cx) {
                bytes += piece.unwrap().len();
                searched += bytes;
            }
            assert_eq!(bytes, 100 * chunks, "nothing is lost");
            assert!(
                searched <= 2 * (PART + 1) * bytes + AT_ONCE * AT_ONCE * 100,
                "{searched}"
            );
        }
    }
}
