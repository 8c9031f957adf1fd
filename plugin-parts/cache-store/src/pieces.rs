//! Bodies in pieces.

use std::time::Duration;

use bytes::Bytes;

use crate::find::Entries;
use crate::record::{BodyId, Content};
use crate::records::Records;
use crate::target;

/// The size of a piece of a body. A body that is no longer is in the record of its entry.
pub const PIECE: usize = 256 * 1024;

impl<S: Records> Entries<S> {
    /// Stores a piece of a body.
    pub async fn add_piece(
        &self,
        id: &BodyId,
        index: u64,
        bytes: &[u8],
        ttl: Duration,
    ) -> Result<(), S::Error> {
        let key = target::piece_key(id, index);
        self.store.set(&key, bytes, ttl).await
    }

    /// A piece of a body; `None` if the engine dropped it.
    pub async fn piece(&self, id: &BodyId, index: u64) -> Result<Option<Bytes>, S::Error> {
        let piece = self.store.get(&target::piece_key(id, index)).await?;
        Ok(piece.map(|piece| piece.value))
    }

    /// Whether a body is there, or begins at least.
    pub async fn has(&self, content: &Content) -> bool {
        match content {
            Content::Inline(_) => true,
            Content::Pieces { id, .. } => matches!(self.piece(id, 0).await, Ok(Some(_))),
        }
    }

    /// Removes the pieces of a body.
    pub async fn remove_pieces(&self, id: &BodyId, count: u64) -> Result<(), S::Error> {
        for index in 0..count {
            self.store.delete(&target::piece_key(id, index)).await?;
        }
        Ok(())
    }

    /// Has the pieces of a body live for `ttl` from now on.
    pub async fn extend(&self, content: &Content, ttl: Duration) -> Result<(), S::Error> {
        let Content::Pieces { id, length } = content else {
            return Ok(());
        };
        for index in 0..pieces(*length) {
            if let Some(piece) = self.piece(id, index).await? {
                self.add_piece(id, index, &piece, ttl).await?;
            }
        }
        Ok(())
    }
}

/// The number of pieces of a body.
fn pieces(length: u64) -> u64 {
    length.div_ceil(PIECE as u64)
}
