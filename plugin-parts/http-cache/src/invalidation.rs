//! What an unsafe request makes unusable (RFC 9111 §4.4).

use crate::fields::Fields;
use crate::target::Origin;

/// Whether a method is known to change nothing (RFC 9110 §9.2.1, and the registry of methods).
pub fn is_safe(method: &str) -> bool {
    matches!(
        method,
        "GET" | "HEAD" | "OPTIONS" | "TRACE" | "QUERY" | "PROPFIND" | "REPORT" | "SEARCH" | "PRI"
    )
}

/// Whether a response invalidates what is stored for its target: a method that is unsafe or unknown, and no error.
pub fn invalidates(method: &str, status: u16) -> bool {
    !is_safe(method) && (200..400).contains(&status)
}

/// The further targets on the same origin that such a response invalidates: `Location` and `Content-Location`.
pub fn related_targets(origin: &Origin<'_>, target: &str, response: &impl Fields) -> Vec<String> {
    let named = ["location", "content-location"]
        .into_iter()
        .filter_map(|name| response.only(name));
    named
        .filter_map(|reference| origin.resolve(target, reference))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;

    #[test]
    fn unsafe_and_unknown_methods_invalidate_unless_they_fail() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "get"] {
            assert!(
                invalidates(method, 200) && invalidates(method, 303),
                "{method}"
            );
            assert!(
                !invalidates(method, 404) && !invalidates(method, 500),
                "{method}"
            );
        }
        assert!(!invalidates("GET", 200) && !invalidates("OPTIONS", 200));
    }

    #[test]
    fn locations_of_other_origins_are_left_alone() {
        let origin = Origin {
            scheme: "http",
            authority: "a.test",
        };
        let response: List = [
            ("location", "http://a.test/made"),
            ("content-location", "http://b.test/other"),
        ]
        .into_iter()
        .collect();
        assert_eq!(related_targets(&origin, "/x", &response), ["/made"]);
    }
}
