//! The bytes of a response as they come: where they are, and how far they have come.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use cache_store::PIECE;

/// The bytes that are not yet in pieces of the store.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// The bytes before it, in pieces of the store.
    stored: u64,
    /// Each chunk with its position.
    chunks: VecDeque<(u64, Bytes)>,
    total: u64,
}

impl Tail {
    /// How many bytes are in pieces of the store.
    pub(crate) fn stored(&self) -> u64 {
        self.stored
    }

    /// How many bytes have come in all.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Adds bytes that have come.
    pub(crate) fn push(&mut self, data: Bytes) {
        let length = data.len() as u64;
        self.chunks.push_back((self.total, data));
        self.total += length;
    }

    /// A piece's number and bytes, if a whole one is in memory.
    pub(crate) fn whole_piece(&self) -> Option<(u64, Bytes)> {
        let whole = self.total - self.stored >= PIECE as u64;
        whole.then(|| (self.stored / PIECE as u64, self.first(PIECE)))
    }

    /// The first bytes in memory.
    fn first(&self, length: usize) -> Bytes {
        let mut bytes = BytesMut::with_capacity(length);
        for (_, chunk) in &self.chunks {
            let part = chunk.len().min(length - bytes.len());
            bytes.extend_from_slice(&chunk[..part]);
        }
        bytes.freeze()
    }

    /// All bytes in memory. A single chunk is shared.
    pub(crate) fn rest(&self) -> Bytes {
        match self.chunks.len() {
            1 => self.chunks[0].1.clone(),
            _ => self.first(usize::try_from(self.total - self.stored).unwrap_or(0)),
        }
    }

    /// The first bytes in memory are stored.
    pub(crate) fn forget_first(&mut self, length: usize) {
        self.stored += length as u64;
        self.forget_until(self.stored);
    }

    pub(crate) fn forget_until(&mut self, end: u64) {
        while let Some((at, chunk)) = self.chunks.front_mut() {
            let before = end.saturating_sub(*at);
            if before < chunk.len() as u64 {
                chunk.advance(usize::try_from(before).unwrap_or(0));
                *at += before;
                return;
            }
            self.chunks.pop_front();
        }
    }

    pub(crate) fn chunk_at(&self, position: u64) -> Option<Bytes> {
        let after = self.chunks.partition_point(|(at, _)| *at <= position);
        let (at, chunk) = self.chunks.get(after.checked_sub(1)?)?;
        let offset = usize::try_from(position - at).ok()?;
        (offset < chunk.len()).then(|| chunk.slice(offset..))
    }
}
