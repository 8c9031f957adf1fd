//! Changes that nobody has looked at yet.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::Changed;

/// Gathers changes until somebody takes them, however busy he is.
#[derive(Debug, Default)]
pub struct Pending(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    changed: Option<Changed>,
    ended: bool,
}

impl Pending {
    /// Gathers what comes out of `changes` from now on.
    pub fn gather(mut changes: mpsc::Receiver<Changed>) -> Arc<Self> {
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

    fn add(&self, more: Changed) {
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

    /// All that has come, which is of no news to anybody after this.
    pub fn take(&self) -> Option<Changed> {
        let mut taken = None;
        self.0.send_if_modified(|state| {
            taken = state.changed.take();
            false
        });
        taken
    }

    /// Whether there is something to be taken.
    pub fn is_waiting(&self) -> bool {
        self.0.borrow().changed.is_some()
    }

    /// Whether nothing will come any more.
    pub fn has_ended(&self) -> bool {
        self.0.borrow().ended
    }

    /// Resolves when something has come, or nothing will.
    pub async fn came(&self) {
        let came = |state: &State| state.changed.is_some() || state.ended;
        // The sender is ours.
        let _ = self.0.subscribe().wait_for(came).await;
    }

    /// Resolves when something has come for which this holds.
    pub async fn came_as(&self, wanted: impl Fn(&Path) -> bool) {
        let came = |state: &State| {
            let paths = state.changed.iter().flat_map(|changed| &changed.paths);
            paths.into_iter().any(|path| wanted(path))
        };
        // The sender is ours.
        let _ = self.0.subscribe().wait_for(came).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn changed(path: &str, first: Instant) -> Changed {
        Changed {
            paths: vec![path.into()],
            first,
        }
    }

    #[test]
    fn what_comes_while_nobody_looks_is_one_change_since_the_first() {
        let (pending, start) = (Pending::default(), Instant::now());
        pending.add(changed("b", start + Duration::from_secs(1)));
        pending.add(changed("a", start));
        pending.add(changed("b", start + Duration::from_secs(2)));
        let taken = pending.take().unwrap();
        assert_eq!(taken.paths, [Path::new("a"), Path::new("b")]);
        assert_eq!(taken.first, start);
        assert!(!pending.is_waiting());
        assert_eq!(pending.take(), None);
    }

    #[tokio::test]
    async fn who_waits_for_one_path_is_not_woken_by_another() {
        let (pending, now) = (Arc::new(Pending::default()), Instant::now());
        pending.add(changed("library", now));
        let waits = Arc::clone(&pending);
        let woken = tokio::spawn(async move {
            waits.came_as(|path| path == Path::new("source")).await;
        });
        tokio::task::yield_now().await;
        assert!(!woken.is_finished());
        pending.add(changed("source", now));
        woken.await.unwrap();
    }

    #[tokio::test]
    async fn the_end_of_the_changes_is_told() {
        let (changes, receiver) = mpsc::channel(1);
        let pending = Pending::gather(receiver);
        drop(changes);
        pending.came().await;
        assert!(pending.has_ended() && !pending.is_waiting());
    }
}
