//! What has become of the orders of certificates, for `stackup status`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Why a certificate could not be ordered, by its file. Clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::process::worker) struct OrderReports(Arc<Mutex<HashMap<PathBuf, OrderReport>>>);

#[derive(Debug)]
struct OrderReport {
    error: String,
    next: Instant,
}

impl OrderReports {
    /// The last order has failed; the next attempt is after `wait`.
    #[cfg_attr(not(feature = "acme"), expect(dead_code, reason = "for orders"))]
    pub(in crate::process::worker) fn set(&self, file: &Path, error: &str, wait: Duration) {
        let report = OrderReport {
            error: error.to_owned(),
            next: Instant::now() + wait,
        };
        self.all().insert(file.to_owned(), report);
    }

    /// Nothing has failed.
    #[cfg_attr(not(feature = "acme"), expect(dead_code, reason = "for orders"))]
    pub(in crate::process::worker) fn clear(&self, file: &Path) {
        self.all().remove(file);
    }

    /// What has failed, and in how many seconds stackup tries again; null if nothing has.
    pub(super) fn value(&self, file: &Path) -> Value {
        let all = self.all();
        all.get(file).map_or(Value::Null, |report| {
            let left = report.next.saturating_duration_since(Instant::now());
            json!({ "error": report.error, "seconds": left.as_secs() })
        })
    }

    fn all(&self) -> MutexGuard<'_, HashMap<PathBuf, OrderReport>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
