//! What is known of a connection that has changed to another protocol.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Written by its connection, read for `stackup status`.
#[derive(Debug)]
pub struct UpgradeRecord {
    protocol: String,
    received: AtomicU64,
    sent: AtomicU64,
}

/// The same, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpgradeStatus {
    /// `websocket`, ….
    pub protocol: String,
    /// Bytes that handlers have got from the client.
    pub received: u64,
    /// Bytes that handlers have sent to it.
    pub sent: u64,
}

impl UpgradeRecord {
    /// A connection that changes to `protocol`.
    pub fn new(protocol: &str) -> Self {
        Self {
            protocol: protocol.to_owned(),
            received: AtomicU64::default(),
            sent: AtomicU64::default(),
        }
    }

    /// What it has changed to.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// Bytes came from the client.
    pub fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes go to the client.
    pub fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn status(&self) -> UpgradeStatus {
        UpgradeStatus {
            protocol: self.protocol.clone(),
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
        }
    }
}

impl fmt::Display for UpgradeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            protocol,
            received,
            sent,
        } = self;
        write!(f, "{protocol} ({received} bytes received, {sent} sent)")
    }
}
