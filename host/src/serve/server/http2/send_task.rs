//! The task in which hyper sends what a handler writes to a stream that has changed to another protocol.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// By it the two sides of such a stream learn that the other one has ended.
#[derive(Debug, Default)]
pub(super) struct SendTask {
    is_accepted: AtomicBool,
    ended: Notify,
    cut: Notify,
}

impl SendTask {
    /// A handler has accepted the protocol.
    pub(super) fn accept(&self) {
        self.is_accepted.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.is_accepted.load(Ordering::Relaxed)
    }

    /// Runs what sends, until it has sent everything, the client resets the stream, or [`cut`](Self::cut) ends it.
    pub(super) async fn run(&self, sending: impl Future<Output = ()>) {
        tokio::select! {
            () = sending => {}
            () = self.cut.notified() => {}
        }
        self.ended.notify_one();
    }

    /// Resolves when nothing is sent any more.
    pub(super) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Drops what is not sent: where the rest of the stream is dropped, too, h2 resets it.
    pub(super) fn cut(&self) {
        self.cut.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn cut_ends_what_waits_for_its_client() {
        let task = SendTask::default();
        task.cut();
        task.run(std::future::pending()).await;
        task.ended().await;
    }
}
