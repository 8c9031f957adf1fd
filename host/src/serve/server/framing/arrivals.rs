//! When the bytes of a connection are looked at: at once, or, for most requests, never.
//!
//! A read that holds nothing but GET requests without bodies needs no look: hyper finds the same. But whether it does is
//! known only once hyper has read their heads. So such a read is kept until hyper wants more, and looked at if a request
//! turns out to have a body, or to be the second of the read.

use super::{At, Framing, FramingError, Refused};

/// A longer read is looked at at once.
const KEPT_MAX: usize = 2048;

/// The bytes that have arrived on a connection.
#[derive(Debug, Default)]
pub(in crate::serve::server) struct Arrivals {
    framing: Framing,
    /// The read that is kept.
    kept: Vec<u8>,
    /// How much of it was looked at.
    looked_at: usize,
    /// How many heads of it hyper has read.
    heads: usize,
    /// Whether the connection changes to another protocol.
    has_ended: bool,
}

impl Arrivals {
    /// Bytes arrive, because hyper has no complete head left.
    pub(in crate::serve::server) fn arrive(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        if self.has_ended {
            return Ok(());
        }
        self.kept.clear();
        (self.looked_at, self.heads, self.framing.heads) = (0, 0, 0);
        // What ends with an empty line leaves no part of a head.
        if self.framing.at == At::Start
            && bytes.len() <= KEPT_MAX
            && bytes.starts_with(b"GET ")
            && bytes.ends_with(b"\r\n\r\n")
            && !super::may_begin_with_fragment(bytes)
        {
            self.kept.extend_from_slice(bytes);
            return Ok(());
        }
        self.framing.read(bytes)
    }

    /// No more requests follow: the connection changes to another protocol.
    pub(in crate::serve::server) fn end(&mut self) {
        self.has_ended = true;
    }

    /// hyper has read a head. Returns why this request is refused, if hyper has its last byte already.
    pub(in crate::serve::server) fn begin(&mut self, has_body: bool) -> Result<(), FramingError> {
        self.heads += 1;
        if self.kept.is_empty() || (self.heads == 1 && !has_body) {
            return Ok(());
        }
        while self.looked_at < self.kept.len() {
            let step = self.framing.step(&self.kept[self.looked_at..]);
            self.looked_at += step.map_err(|refused| refused.error)?;
            if self.framing.heads >= self.heads && self.framing.at == At::Start {
                break;
            }
        }
        Ok(())
    }
}
