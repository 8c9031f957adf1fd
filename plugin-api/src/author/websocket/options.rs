//! What a WebSocket may do.

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// An idle socket keeps such a buffer.
const READ_BUFFER: usize = 4 << 10;

/// What a WebSocket may do: sizes, origins, subprotocols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketOptions {
    /// None for any.
    pub(super) origins: Option<Vec<String>>,
    pub(super) protocols: Vec<String>,
    message_bytes: usize,
    frame_bytes: usize,
}

impl Default for WebSocketOptions {
    fn default() -> Self {
        Self {
            origins: Some(Vec::new()),
            protocols: Vec::new(),
            message_bytes: 1 << 20,
            frame_bytes: 1 << 20,
        }
    }
}

impl WebSocketOptions {
    /// Messages and frames of at most 1 MiB, from pages of the same origin, without subprotocols.
    pub fn new() -> Self {
        Self::default()
    }

    /// The most that a message of the client may have. A longer one closes the socket with code 1009.
    #[must_use]
    pub fn message_bytes(mut self, bytes: usize) -> Self {
        self.message_bytes = bytes;
        self
    }

    /// The same for a frame, which is a part of a message.
    #[must_use]
    pub fn frame_bytes(mut self, bytes: usize) -> Self {
        self.frame_bytes = bytes;
        self
    }

    /// Pages of these origins may open one, too, such as `https://example.com`. A client that says no origin is no browser and always may.
    #[must_use]
    pub fn origins<T: Into<String>>(mut self, origins: impl IntoIterator<Item = T>) -> Self {
        let more = origins.into_iter().map(Into::into);
        self.origins.get_or_insert_default().extend(more);
        self
    }

    /// All pages may open one, with the cookies that the browser has for this site. Check who asks in another way.
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.origins = None;
        self
    }

    /// The subprotocols, the preferred one first. The first that the client offers is chosen; if it offers none of them, there is none
    /// ([`WebSocket::protocol`](super::WebSocket::protocol)).
    #[must_use]
    pub fn protocols<T: Into<String>>(mut self, protocols: impl IntoIterator<Item = T>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    pub(super) fn config(&self) -> WebSocketConfig {
        WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            // Each message is flushed.
            .write_buffer_size(0)
            .max_message_size(Some(self.message_bytes))
            .max_frame_size(Some(self.frame_bytes))
    }
}
