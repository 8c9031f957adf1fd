//! Which records are written: by level, target and handler.

use std::sync::{Arc, LazyLock, OnceLock};

use arc_swap::ArcSwap;
use stackup_plugin::abi::host::LogInterest;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing_subscriber::layer::{Context, Filter};

use super::log::PLUGIN;
use super::log_filters::LogFilters;

/// Numbered as in `tracing` and `log`.
const LEVELS: [LevelFilter; 6] = [
    LevelFilter::OFF,
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];

/// The level of a number: 0 none, 1 error … 5 trace.
pub fn level_from_number(number: u8) -> LevelFilter {
    let level = LEVELS.get(usize::from(number));
    level.copied().unwrap_or(LevelFilter::TRACE)
}

/// The number of a level.
pub fn number_from_level(level: LevelFilter) -> u8 {
    (0..)
        .zip(LEVELS)
        .find_map(|(number, known)| (known == level).then_some(number))
        .unwrap_or(0)
}

/// The level of what no filter names.
static DEFAULT: OnceLock<LevelFilter> = OnceLock::new();

/// Sets that level. Later calls have no effect.
pub(super) fn set_default(level: LevelFilter) {
    let _ = DEFAULT.set(level);
}

static FILTERS: LazyLock<ArcSwap<LogFilters>> = LazyLock::new(ArcSwap::default);

fn default_level() -> LevelFilter {
    // A program that embeds the host has a log of its own.
    DEFAULT.get().copied().unwrap_or_else(LevelFilter::current)
}

/// Filters the log from now on. Returns whether that is a change; libraries must then ask again.
pub fn set_filters(filters: &LogFilters) -> bool {
    if **FILTERS.load() == *filters {
        return false;
    }
    FILTERS.store(Arc::new(filters.clone()));
    tracing::callsite::rebuild_interest_cache();
    true
}

/// The most verbose level that is written.
pub(super) fn max_level() -> u8 {
    number_from_level(FILTERS.load().most_verbose(default_level()))
}

/// Whether a plugin's record is written.
pub(super) fn wants(level: u8, target: &str, handler: &str) -> bool {
    let filters = FILTERS.load();
    level_from_number(level) <= filters.level(target, handler, default_level())
}

/// Which handlers' records of a target are written.
pub(super) fn interest(level: u8, target: &str) -> LogInterest {
    let filters = FILTERS.load();
    filters.interest(target, level_from_number(level), default_level())
}

/// Lets through what the filters do. A plugin's records have passed them.
pub(super) struct Filtered;

impl Filtered {
    fn wants(metadata: &Metadata<'_>) -> bool {
        let (filters, target) = (FILTERS.load(), metadata.target());
        let limit = match target {
            PLUGIN => filters.most_verbose(default_level()),
            _ => filters.host_level(target, default_level()),
        };
        *metadata.level() <= limit
    }
}

impl<S> Filter<S> for Filtered {
    fn enabled(&self, metadata: &Metadata<'_>, _cx: &Context<'_, S>) -> bool {
        Self::wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match Self::wants(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(FILTERS.load().most_verbose(default_level()))
    }
}
