//! Whether an engine works: for `stackup status`, and once for the log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::services::Elapsed;

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The engine can't be reached: nothing works.
    Away,
    /// It refuses to write.
    NoWrites,
}

/// The state of one engine.
#[derive(Debug)]
pub(super) struct Availability {
    /// The engine, as the log names it.
    engine: String,
    /// Whether there is trouble: so that a call that works takes no lock.
    troubled: AtomicBool,
    trouble: Mutex<Option<Current>>,
}

#[derive(Debug)]
struct Current {
    trouble: Trouble,
    reason: String,
    since: Instant,
}

impl Availability {
    pub(super) fn new(engine: String) -> Self {
        Self {
            engine,
            troubled: AtomicBool::new(false),
            trouble: Mutex::new(None),
        }
    }

    /// The engine, as the log names it.
    pub(super) fn engine(&self) -> &str {
        &self.engine
    }

    /// Something has failed. The log says so unless it has already.
    pub(super) fn failed(&self, trouble: Trouble, reason: &str) {
        let mut current = self.lock();
        if let Some(current) = &mut *current {
            current.trouble = trouble;
            reason.clone_into(&mut current.reason);
            return;
        }
        *current = Some(Current {
            trouble,
            reason: reason.to_owned(),
            since: Instant::now(),
        });
        self.troubled.store(true, Ordering::Relaxed);
        let engine = &self.engine;
        match trouble {
            Trouble::Away => tracing::error!(
                event = "store-away",
                engine,
                reason,
                "the store is unavailable: {engine}: {reason}"
            ),
            Trouble::NoWrites => tracing::error!(
                event = "store-away",
                engine,
                reason,
                "the store can't be written to: {engine}: {reason}"
            ),
        }
    }

    /// Something has worked that fails with `trouble`. The log says so if it failed before.
    pub(super) fn worked(&self, trouble: Trouble) {
        if !self.troubled.load(Ordering::Relaxed) {
            return;
        }
        let ended = self.lock().take_if(|current| current.trouble == trouble);
        let Some(ended) = ended else { return };
        self.troubled.store(false, Ordering::Relaxed);
        let (engine, time) = (&self.engine, ended.since.elapsed());
        let seconds = time.as_secs_f64();
        tracing::info!(
            event = "store-back",
            engine,
            seconds,
            "the store is available again after {}: {engine}",
            Elapsed(time)
        );
    }

    /// Why it does not work; none if it does.
    pub(super) fn reason(&self) -> Option<String> {
        self.lock().as_ref().map(|current| current.reason.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    use super::*;

    #[test]
    fn trouble_ends_with_what_failed() {
        let engine = Availability::new("x".to_owned());
        assert_eq!(engine.reason(), None);
        engine.failed(Trouble::NoWrites, "disk full");
        // That it can be reached does not help.
        engine.worked(Trouble::Away);
        assert_eq!(engine.reason().as_deref(), Some("disk full"));
        engine.failed(Trouble::Away, "gone");
        engine.worked(Trouble::NoWrites);
        assert_eq!(engine.reason().as_deref(), Some("gone"));
        engine.worked(Trouble::Away);
        assert_eq!(engine.reason(), None);
    }

    #[derive(Clone, Default)]
    struct Count(Arc<AtomicUsize>);

    impl<S: tracing::Subscriber> Layer<S> for Count {
        fn on_event(&self, _event: &tracing::Event<'_>, _cx: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn outage_is_logged_at_its_begin_and_at_its_end() {
        let count = Count::default();
        let subscriber = tracing_subscriber::registry().with(count.clone());
        tracing::subscriber::with_default(subscriber, || {
            let lines = || count.0.load(Ordering::Relaxed);
            let engine = Availability::new("x".to_owned());
            engine.worked(Trouble::Away);
            assert_eq!(lines(), 0);
            for reason in ["gone", "gone", "still gone"] {
                engine.failed(Trouble::Away, reason);
                engine.failed(Trouble::NoWrites, reason);
            }
            assert_eq!(lines(), 1);
            engine.worked(Trouble::NoWrites);
            engine.worked(Trouble::NoWrites);
            assert_eq!(lines(), 2);
            engine.failed(Trouble::Away, "gone again");
            assert_eq!(lines(), 3);
        });
    }
}
