//! Buffers that are used again: to clear a new one takes as long as to fill it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::body::CHUNK;

/// At most so many wait to be used again, that is 1 MiB.
const KEPT: usize = 16;

/// The unused buffers of a folder. They end with it, so that no library leaves any behind.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Box<[u8]>>>);

impl Buffers {
    /// A buffer for a chunk.
    pub(crate) fn take(self: &Arc<Self>) -> Buffer {
        let unused = self.lock().pop();
        Buffer {
            bytes: unused.unwrap_or_else(|| vec![0; CHUNK].into()),
            length: 0,
            home: Arc::clone(self),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Box<[u8]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A buffer that is used again once nobody refers to its bytes.
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    length: usize,
    home: Arc<Buffers>,
}

impl Buffer {
    /// Its first `length` bytes, to be filled.
    pub(crate) fn space(&mut self, length: usize) -> &mut [u8] {
        self.length = length.min(self.bytes.len());
        &mut self.bytes[..self.length]
    }

    /// The first `length` bytes of what was filled.
    pub(crate) fn filled(mut self, length: usize) -> Bytes {
        self.length = length.min(self.length);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut unused = self.home.lock();
        if unused.len() < KEPT {
            unused.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffer_is_used_again_once_its_bytes_are_gone() {
        let buffers = Arc::<Buffers>::default();
        let mut buffer = buffers.take();
        buffer.space(4).copy_from_slice(b"text");
        let bytes = buffer.filled(3);
        let part = bytes.slice(1..);
        let place = bytes.as_ptr();
        assert_eq!(bytes, "tex");
        drop(bytes);
        assert!(buffers.lock().is_empty(), "a part of it is in use");
        assert_eq!(part, "ex");
        drop(part);
        let mut again = buffers.take();
        assert_eq!(again.space(1).as_ptr(), place);
        // Nothing of what was there before is shown.
        assert_eq!(again.filled(0), "");
    }

    #[test]
    fn few_are_kept() {
        let buffers = Arc::<Buffers>::default();
        let many: Vec<_> = (0..2 * KEPT).map(|_| buffers.take()).collect();
        drop(many);
        assert_eq!(buffers.lock().len(), KEPT);
    }
}
