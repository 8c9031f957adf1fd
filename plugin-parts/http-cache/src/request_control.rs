//! What a client asks of a cache (RFC 9111 §5.2.1, §5.4).

use crate::directives::{Seconds, directives};
use crate::fields::Fields;

/// The directives of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestControl {
    /// `no-cache`, or `Pragma: no-cache` without `Cache-Control` (§5.2.1.4, §5.4).
    pub no_cache: bool,
    /// `no-store` (§5.2.1.5).
    pub no_store: bool,
    /// `only-if-cached` (§5.2.1.7).
    pub only_if_cached: bool,
    /// `max-age` in seconds; an invalid one is 0 (§5.2.1.1).
    pub max_age: Option<u64>,
    /// `min-fresh` in seconds (§5.2.1.3).
    pub min_fresh: Option<u64>,
    /// `max-stale` in seconds; without a number there is no limit (§5.2.1.2).
    pub max_stale: Option<u64>,
    /// `stale-if-error` in seconds (RFC 5861 §4).
    pub stale_if_error: Option<u64>,
}

impl RequestControl {
    /// Reads `Cache-Control` and `Pragma`.
    pub fn of(fields: &impl Fields) -> Self {
        if !fields.has("cache-control") {
            return Self {
                no_cache: directives(fields, "pragma").any(|directive| directive.is("no-cache")),
                ..Self::default()
            };
        }
        let mut control = Self::default();
        let [
            mut max_age,
            mut min_fresh,
            mut max_stale,
            mut stale_if_error,
        ] = [Seconds::Absent; 4];
        for directive in directives(fields, "cache-control") {
            if directive.is("no-cache") {
                control.no_cache = true;
            } else if directive.is("no-store") {
                control.no_store = true;
            } else if directive.is("only-if-cached") {
                control.only_if_cached = true;
            } else if directive.is("max-age") {
                max_age.add(directive.seconds());
            } else if directive.is("min-fresh") {
                min_fresh.add(directive.seconds());
            } else if directive.is("max-stale") {
                let unlimited = !directive.has_argument();
                max_stale.add(if unlimited {
                    Some(u64::MAX)
                } else {
                    directive.seconds()
                });
            } else if directive.is("stale-if-error") {
                stale_if_error.add(directive.seconds());
            }
        }
        control.max_age = max_age.or_stale();
        control.min_fresh = min_fresh.if_valid();
        control.max_stale = max_stale.if_valid();
        control.stale_if_error = stale_if_error.if_valid();
        control
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;

    fn of(fields: &[(&str, &str)]) -> RequestControl {
        RequestControl::of(&fields.iter().copied().collect::<List>())
    }

    #[test]
    fn pragma_counts_without_cache_control_only() {
        assert!(of(&[("pragma", "x, No-Cache")]).no_cache);
        let both = of(&[("pragma", "no-cache"), ("cache-control", "max-stale")]);
        assert!(!both.no_cache);
        assert_eq!(both.max_stale, Some(u64::MAX));
    }

    #[test]
    fn invalid_numbers_never_permit_more() {
        let control = of(&[("cache-control", "max-age=x, max-stale=x, min-fresh=\"7\"")]);
        assert_eq!(control.max_age, Some(0));
        assert_eq!((control.max_stale, control.min_fresh), (None, Some(7)));
    }
}
