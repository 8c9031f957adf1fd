//! A change of `[log]`: the process filters by it, and the libraries ask again what is logged.

use std::time::Duration;

use crate::load::library::LoadedLibraries;
use crate::services::{LogFilters, set_log_filters};

/// Filters the log from now on. Waits for the libraries that are in use to notice, at most for `limit`: it runs their code.
pub(super) async fn filter_log(filters: &LogFilters, loaded: &LoadedLibraries, limit: Duration) {
    if !set_log_filters(filters) {
        return;
    }
    let libraries = loaded.all_in_use();
    let notice = move || libraries.iter().for_each(|it| it.plugin.log_changed());
    let notice = tokio::task::spawn_blocking(notice);
    if tokio::time::timeout(limit, notice).await.is_err() {
        tracing::warn!(
            event = "log-filters",
            "a library has not taken the change of `[log]` within {limit:?}: the log may have records that it excludes, \
             or miss some"
        );
    }
}
