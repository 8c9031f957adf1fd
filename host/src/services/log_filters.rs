//! Which records are logged: a level for each handler and target that `[log]` names.

use std::collections::BTreeMap;

use stackup_plugin::abi::host::LogInterest;
use tracing::level_filters::LevelFilter;

/// `[log]` of a manifest. What it does not name is logged at the level of the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilters {
    /// By the name of a handler, as the log shows it.
    pub handlers: BTreeMap<String, LevelFilter>,
    /// By the beginning of a target.
    pub targets: BTreeMap<String, LevelFilter>,
}

impl LogFilters {
    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.handlers.is_empty() && self.targets.is_empty()
    }

    /// The level of a record. A target is more specific than a handler, and of two targets the longer one is.
    pub(super) fn level(&self, target: &str, handler: &str, default: LevelFilter) -> LevelFilter {
        let of_handler = || self.handlers.get(handler).copied().unwrap_or(default);
        self.target(target).unwrap_or_else(of_handler)
    }

    /// The level of a record of the host itself.
    pub(super) fn host_level(&self, target: &str, default: LevelFilter) -> LevelFilter {
        self.target(target).unwrap_or(default)
    }

    /// Which handlers' records of a target are logged at `level`.
    pub(super) fn interest(
        &self,
        target: &str,
        level: LevelFilter,
        default: LevelFilter,
    ) -> LogInterest {
        let levels = || self.handlers.values().copied().chain([default]);
        let (least, most) = match self.target(target) {
            Some(limit) => (limit, limit),
            None => (
                levels().min().unwrap_or(default),
                levels().max().unwrap_or(default),
            ),
        };
        if level <= least {
            LogInterest::Always
        } else if level > most {
            LogInterest::Never
        } else {
            LogInterest::Sometimes
        }
    }

    /// The most verbose level of all.
    pub(super) fn most_verbose(&self, default: LevelFilter) -> LevelFilter {
        let named = self.handlers.values().chain(self.targets.values());
        named.copied().fold(default, LevelFilter::max)
    }

    fn target(&self, target: &str) -> Option<LevelFilter> {
        let named = self.targets.iter();
        let named = named.filter(|(start, _)| target.starts_with(start.as_str()));
        let (_, level) = named.max_by_key(|(start, _)| start.len())?;
        Some(*level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: LevelFilter = LevelFilter::INFO;

    fn filters() -> LogFilters {
        let named = |all: &[(&str, LevelFilter)]| {
            let all = all.iter();
            all.map(|(name, level)| ((*name).to_owned(), *level))
                .collect()
        };
        LogFilters {
            handlers: named(&[("notes", LevelFilter::DEBUG), ("logger", LevelFilter::OFF)]),
            targets: named(&[
                ("sqlx", LevelFilter::WARN),
                ("sqlx::query", LevelFilter::TRACE),
                ("h2", LevelFilter::OFF),
            ]),
        }
    }

    #[test]
    fn most_specific_filter_decides() {
        for (target, handler, level) in [
            ("notes::db", "notes", LevelFilter::DEBUG),
            ("notes::db", "other", INFO),
            ("logger", "logger", LevelFilter::OFF),
            ("sqlx", "notes", LevelFilter::WARN),
            ("sqlx_core::pool", "logger", LevelFilter::WARN),
            ("sqlx::query", "notes", LevelFilter::TRACE),
            ("h2::proto", "notes", LevelFilter::OFF),
        ] {
            let found = filters().level(target, handler, INFO);
            assert_eq!(found, level, "{target} of {handler}");
        }
        assert_eq!(filters().host_level("sqlx", INFO), LevelFilter::WARN);
        assert_eq!(filters().host_level("notes", INFO), INFO);
    }

    #[test]
    fn interest_asks_for_the_handler_only_where_it_matters() {
        for (target, level, interest) in [
            ("notes", LevelFilter::ERROR, LogInterest::Sometimes),
            ("notes", LevelFilter::DEBUG, LogInterest::Sometimes),
            ("notes", LevelFilter::TRACE, LogInterest::Never),
            ("sqlx", LevelFilter::WARN, LogInterest::Always),
            ("sqlx", LevelFilter::INFO, LogInterest::Never),
            ("h2", LevelFilter::ERROR, LogInterest::Never),
        ] {
            let found = filters().interest(target, level, INFO);
            assert_eq!(found, interest, "{target} {level}");
        }
        let none = LogFilters::default();
        assert_eq!(none.interest("x", INFO, INFO), LogInterest::Always);
        assert_eq!(
            none.interest("x", LevelFilter::DEBUG, INFO),
            LogInterest::Never
        );
        assert_eq!(none.most_verbose(INFO), INFO);
        assert_eq!(filters().most_verbose(INFO), LevelFilter::TRACE);
    }
}
