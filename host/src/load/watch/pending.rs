//! Changes that no reload has taken yet.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::ChangeSet;

/// Accumulates changes until they are taken.
#[derive(Debug, Default)]
pub struct PendingChanges(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    changed: Option<ChangeSet>,
    ended: bool,
}

impl PendingChanges {
    /// Accumulates everything that `changes` yields from now on.
    pub fn collect(mut changes: mpsc::Receiver<ChangeSet>) -> Arc<Self> {
        let pending = Arc::<Self>::default();
        let filled = Arc::clone(&pending);
        tokio::spawn(async move {
            while let Some(changed) = changes.recv().await {
                filled.add(changed);
            }
            filled.0.send_modify(|state| state.ended = true);
        });
        pending
    }

    fn add(&self, more: ChangeSet) {
        self.0.send_modify(|state| match &mut state.changed {
            Some(changed) => {
                changed.paths.extend(more.paths);
                changed.paths.sort();
                changed.paths.dedup();
                changed.first = changed.first.min(more.first);
            }
            None => state.changed = Some(more),
        });
    }

    /// Takes everything that has accumulated.
    pub fn take(&self) -> Option<ChangeSet> {
        let mut taken = None;
        self.0.send_if_modified(|state| {
            taken = state.changed.take();
            false
        });
        taken
    }

    /// Whether there is something to take.
    pub fn has_changes(&self) -> bool {
        self.0.borrow().changed.is_some()
    }

    /// Whether no further change can come.
    pub fn is_closed(&self) -> bool {
        self.0.borrow().ended
    }

    /// Resolves when there is a change to take, or none can come any more.
    pub async fn changed(&self) {
        let ready = |state: &State| state.changed.is_some() || state.ended;
        // Cannot fail: the sender is ours.
        let _ = self.0.subscribe().wait_for(ready).await;
    }

    /// Resolves when a path has changed for which `wanted` holds.
    pub async fn changed_matching(&self, wanted: impl Fn(&Path) -> bool) {
        let ready = |state: &State| {
            let paths = state.changed.iter().flat_map(|changed| &changed.paths);
            paths.into_iter().any(|path| wanted(path))
        };
        // Cannot fail: the sender is ours.
        let _ = self.0.subscribe().wait_for(ready).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn changed(path: &str, first: Instant) -> ChangeSet {
        ChangeSet {
            paths: vec![path.into()],
            first,
        }
    }

    #[test]
    fn untaken_changes_merge_since_the_first() {
        let (pending, start) = (PendingChanges::default(), Instant::now());
        pending.add(changed("b", start + Duration::from_secs(1)));
        pending.add(changed("a", start));
        pending.add(changed("b", start + Duration::from_secs(2)));
        let taken = pending.take().unwrap();
        assert_eq!(taken.paths, [Path::new("a"), Path::new("b")]);
        assert_eq!(taken.first, start);
        assert!(!pending.has_changes());
        assert_eq!(pending.take(), None);
    }

    #[tokio::test]
    async fn waiting_for_one_path_ignores_others() {
        let (pending, now) = (Arc::new(PendingChanges::default()), Instant::now());
        pending.add(changed("library", now));
        let waits = Arc::clone(&pending);
        let woken = tokio::spawn(async move {
            waits
                .changed_matching(|path| path == Path::new("source"))
                .await;
        });
        tokio::task::yield_now().await;
        assert!(!woken.is_finished());
        pending.add(changed("source", now));
        woken.await.unwrap();
    }

    #[tokio::test]
    async fn dropped_sender_closes() {
        let (changes, receiver) = mpsc::channel(1);
        let pending = PendingChanges::collect(receiver);
        drop(changes);
        pending.changed().await;
        assert!(pending.is_closed() && !pending.has_changes());
    }
}
