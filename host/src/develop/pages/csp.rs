//! Whether a page's policy allows a script of its own site (CSP level 3).

use http::{HeaderMap, header};

/// Whether every policy of a page allows a script of its own site to run and to connect to that site.
pub(super) fn allows_own_script(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_SECURITY_POLICY)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .all(|policy| {
            let script = ["script-src-elem", "script-src", "default-src"];
            let connect = ["connect-src", "default-src"];
            allows(policy, &script) && allows(policy, &connect) && !sandboxed(policy)
        })
}

/// Whether the policy allows the page's own site by the first of these directives that it has.
fn allows(policy: &str, names: &[&str]) -> bool {
    let Some(sources) = names.iter().find_map(|name| directive(policy, name)) else {
        return true;
    };
    let has = |wanted: &str| sources.iter().any(|one| one.eq_ignore_ascii_case(wanted));
    // With `strict-dynamic` only a nonce or a hash allows a script, not its source.
    !has("'strict-dynamic'") && (has("'self'") || has("*"))
}

fn sandboxed(policy: &str) -> bool {
    directive(policy, "sandbox").is_some_and(|allowed| {
        let has = |wanted: &str| allowed.iter().any(|one| one.eq_ignore_ascii_case(wanted));
        !has("allow-scripts") || !has("allow-same-origin")
    })
}

/// The values of a directive; of duplicates the first counts.
fn directive<'p>(policy: &'p str, name: &str) -> Option<Vec<&'p str>> {
    policy.split(';').find_map(|directive| {
        let mut words = directive.split_ascii_whitespace();
        let is = words.next()?.eq_ignore_ascii_case(name);
        is.then(|| words.collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_script_needs_the_consent_of_every_policy() {
        let allowed = |policies: &[&str]| {
            let policies = policies
                .iter()
                .map(|policy| (header::CONTENT_SECURITY_POLICY, policy.parse().unwrap()));
            let mut headers = HeaderMap::new();
            for (name, policy) in policies {
                headers.append(name, policy);
            }
            allows_own_script(&headers)
        };
        assert!(allowed(&[]));
        assert!(allowed(&["default-src 'self'"]));
        assert!(allowed(&[
            "default-src 'none'; script-src 'self'; connect-src 'self'"
        ]));
        assert!(allowed(&["img-src 'none'"]));
        assert!(allowed(&["script-src *"]));
        assert!(!allowed(&["default-src 'none'"]));
        assert!(!allowed(&["script-src 'self'; default-src 'none'"]));
        assert!(!allowed(&["script-src 'nonce-abc'"]));
        assert!(!allowed(&[
            "script-src 'self' 'strict-dynamic' 'nonce-abc'"
        ]));
        assert!(!allowed(&["script-src-elem 'none'; script-src 'self'"]));
        assert!(!allowed(&["default-src 'self'", "script-src 'none'"]));
        assert!(!allowed(&["default-src 'self', script-src 'none'"]));
        assert!(!allowed(&["sandbox allow-scripts"]));
        assert!(allowed(&["sandbox allow-scripts allow-same-origin"]));
    }
}
