//! What the origin says about caching: `Cache-Control` or a targeted field (RFC 9111 §5.2.2, RFC 9213).

use crate::directives::{Directive, Seconds, directives, field_names};
use crate::fields::Fields;
use crate::targeted::{Member, TargetedField};

/// The directives of a response that concern a shared cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseControl {
    /// The field that counts.
    pub source: Source,
    /// `no-store` (§5.2.2.5).
    pub no_store: bool,
    /// `no-cache` without fields (§5.2.2.4).
    pub no_cache: bool,
    /// `private` without fields (§5.2.2.7).
    pub private: bool,
    /// `public` (§5.2.2.9).
    pub public: bool,
    /// `must-revalidate` (§5.2.2.2).
    pub must_revalidate: bool,
    /// `proxy-revalidate` (§5.2.2.8).
    pub proxy_revalidate: bool,
    /// `must-understand` (§5.2.2.3).
    pub must_understand: bool,
    /// `immutable` (RFC 8246).
    pub immutable: bool,
    /// Fields named by `no-cache="…"` and `private="…"`: they are not stored.
    pub excluded: Vec<String>,
    max_age: Seconds,
    s_maxage: Seconds,
    stale_while_revalidate: Seconds,
    stale_if_error: Seconds,
}

/// Which field says how to cache a response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// `Cache-Control`, `Expires`.
    #[default]
    CacheControl,
    /// A targeted field, which replaces both (RFC 9213 §2.2).
    Targeted,
}

impl ResponseControl {
    /// Reads the first of `targeted` that is present and valid, else `Cache-Control`.
    pub fn of(fields: &impl Fields, targeted: &[&str]) -> Self {
        let mut found = targeted
            .iter()
            .filter_map(|name| TargetedField::parse(fields, name));
        match found.next() {
            Some(field) => Self::from_targeted(&field),
            None => Self::from_cache_control(fields),
        }
    }

    fn from_cache_control(fields: &impl Fields) -> Self {
        let mut control = Self::default();
        for directive in directives(fields, "cache-control") {
            control.add(&directive);
        }
        control
    }

    fn add(&mut self, directive: &Directive<'_>) {
        if let Some(flag) = NAMES.iter().find(|name| directive.is(name)) {
            self.set(flag);
        } else if directive.is("no-cache") || directive.is("private") {
            let whole = if directive.is("private") {
                &mut self.private
            } else {
                &mut self.no_cache
            };
            let mut names = directive.field_names().peekable();
            // An argument that names nothing restricts the whole response.
            if !directive.has_argument() || names.peek().is_none() {
                *whole = true;
            }
            self.excluded.extend(names);
        } else if let Some(seconds) = self.seconds_of(|name| directive.is(name)) {
            seconds.add(directive.seconds());
        }
    }

    fn from_targeted(field: &TargetedField) -> Self {
        let mut control = Self {
            source: Source::Targeted,
            ..Self::default()
        };
        for (name, member) in field.members() {
            match (name, member) {
                (_, Member::No) => {}
                ("no-cache" | "private", Member::Text(names)) => {
                    control.excluded.extend(field_names(names.as_bytes()));
                }
                ("no-cache", _) => control.no_cache = true,
                ("private", _) => control.private = true,
                // Whatever restricts counts even with a value that it should not have.
                (name, _) if NAMES.contains(&name) => control.set(name),
                (name, member) => {
                    let value = match member {
                        Member::Number(value) => u64::try_from(*value).ok(),
                        _ => None,
                    };
                    if let Some(seconds) = control.seconds_of(|known| known == name) {
                        seconds.add(value);
                    }
                }
            }
        }
        control
    }

    fn set(&mut self, name: &str) {
        let flag = match name {
            "no-store" => &mut self.no_store,
            "public" => &mut self.public,
            "must-revalidate" => &mut self.must_revalidate,
            "proxy-revalidate" => &mut self.proxy_revalidate,
            "must-understand" => &mut self.must_understand,
            "immutable" => &mut self.immutable,
            _ => return,
        };
        *flag = true;
    }

    fn seconds_of(&mut self, is: impl Fn(&str) -> bool) -> Option<&mut Seconds> {
        if is("max-age") {
            Some(&mut self.max_age)
        } else if is("s-maxage") {
            Some(&mut self.s_maxage)
        } else if is("stale-while-revalidate") {
            Some(&mut self.stale_while_revalidate)
        } else if is("stale-if-error") {
            Some(&mut self.stale_if_error)
        } else {
            None
        }
    }

    /// `max-age` in seconds; an invalid one is 0 (§5.2.2.1, §4.2.1).
    pub fn max_age(&self) -> Option<u64> {
        self.max_age.or_stale()
    }

    /// `s-maxage` in seconds; an invalid one is 0 (§5.2.2.10).
    pub fn s_maxage(&self) -> Option<u64> {
        self.s_maxage.or_stale()
    }

    /// `stale-while-revalidate` in seconds (RFC 5861 §3).
    pub fn stale_while_revalidate(&self) -> Option<u64> {
        self.stale_while_revalidate.if_valid()
    }

    /// `stale-if-error` in seconds (RFC 5861 §4).
    pub fn stale_if_error(&self) -> Option<u64> {
        self.stale_if_error.if_valid()
    }

    /// Whether a stale response must not be used without validation, whatever happens (§4.2.4).
    pub fn forbids_stale(&self) -> bool {
        // `s-maxage` includes `proxy-revalidate` (§5.2.2.10).
        self.no_cache
            || self.must_revalidate
            || self.proxy_revalidate
            || self.s_maxage.or_stale().is_some()
    }

    /// Whether a response to a request with `Authorization` may be stored for others (§3.5).
    pub fn shares_authorized(&self) -> bool {
        self.public || self.must_revalidate || self.s_maxage.or_stale().is_some()
    }
}

/// The directives without an argument.
const NAMES: [&str; 6] = [
    "no-store",
    "public",
    "must-revalidate",
    "proxy-revalidate",
    "must-understand",
    "immutable",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;

    fn control(lines: &[&str]) -> ResponseControl {
        let fields: List = lines.iter().map(|line| ("cache-control", *line)).collect();
        ResponseControl::of(&fields, &[])
    }

    fn max_age(line: &str) -> Option<u64> {
        control(&[line]).max_age()
    }

    #[test]
    fn odd_max_age_is_stale_and_quotes_are_accepted() {
        assert_eq!(max_age("max-age=60"), Some(60));
        assert_eq!(max_age("MaX-aGe=\"60\""), Some(60));
        assert_eq!(max_age("max-age=0060"), Some(60));
        assert_eq!(max_age("x=\"max-age=60\""), None);
        assert_eq!(max_age("max-age=99999999999"), Some(1 << 31));
        for odd in [
            "max-age",
            "max-age=",
            "max-age=-60",
            "max-age=60.0",
            "max-age=60a",
            "max-age='60'",
            "max-age =60",
            "max-age= 60",
            "max-age=\"60",
        ] {
            assert_eq!(max_age(odd), Some(0), "{odd}");
        }
    }

    #[test]
    fn several_values_that_differ_are_stale() {
        assert_eq!(max_age("max-age=60, max-age=60"), Some(60));
        assert_eq!(max_age("max-age=60, max-age=0"), Some(0));
        assert_eq!(control(&["max-age=1", "max-age=2"]).max_age(), Some(0));
    }

    #[test]
    fn named_fields_are_excluded_and_leave_the_rest_usable() {
        let named = control(&["private=\"Set-Cookie, x-a\", no-cache=\"x-b\""]);
        assert!(!named.private && !named.no_cache);
        assert_eq!(named.excluded, ["set-cookie", "x-a", "x-b"]);
        assert!(control(&["private=\"\""]).private);
        assert!(control(&["private, private=\"a\""]).private);
        assert!(control(&["No-Store =1"]).no_store);
    }

    #[test]
    fn targeted_field_replaces_cache_control() {
        let fields: List = [
            ("cache-control", "no-store"),
            ("cdn-cache-control", "max-age=60, public"),
        ]
        .into_iter()
        .collect();
        let control = ResponseControl::of(&fields, &["own", "cdn-cache-control"]);
        assert_eq!(control.source, Source::Targeted);
        assert!(!control.no_store && control.public);
        assert_eq!(control.max_age(), Some(60));
        assert!(ResponseControl::of(&fields, &["own"]).no_store);
    }

    #[test]
    fn targeted_value_of_another_type_is_not_coerced() {
        let of = |line: &str| {
            let fields: List = [("t", line)].into_iter().collect();
            ResponseControl::of(&fields, &["t"])
        };
        for odd in ["max-age=\"60\"", "max-age=60.0", "max-age=-1", "max-age"] {
            assert_eq!(of(odd).max_age(), Some(0), "{odd}");
        }
        assert!(!of("no-store=?0, max-age=1").no_store);
        assert!(of("no-store=1").no_store);
        assert_eq!(of("private=\"A, b\"").excluded, ["a", "b"]);
    }
}
