//! References to other resources of one origin (RFC 3986 §5, RFC 6454).

/// Where a target is: scheme and authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host, and port where it is not the default.
    pub authority: &'a str,
}

impl Origin<'_> {
    /// Path and query that a reference in a response to `base` names, if they are on this origin. Dot segments remain.
    pub fn resolve(&self, base: &str, reference: &[u8]) -> Option<String> {
        let reference = std::str::from_utf8(reference).ok()?.trim();
        let reference = reference.split('#').next().unwrap_or_default();
        if let Some((scheme, rest)) = reference.split_once("://")
            && !scheme.contains(['/', '?'])
        {
            let same = scheme.eq_ignore_ascii_case(self.scheme);
            return same.then(|| self.after_authority(rest))?;
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return self.after_authority(rest);
        }
        // Another scheme, such as `mailto:`.
        let before_path = reference.split(['/', '?']).next().unwrap_or_default();
        if before_path.contains(':') {
            return None;
        }
        let path = base.split('?').next().unwrap_or(base);
        Some(match reference.as_bytes().first() {
            None => base.to_owned(),
            Some(b'/') => reference.to_owned(),
            Some(b'?') => format!("{path}{reference}"),
            Some(_) => {
                let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
                format!("{folder}{reference}")
            }
        })
    }

    fn after_authority(&self, rest: &str) -> Option<String> {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let same = self
            .without_default_port(authority)
            .eq_ignore_ascii_case(self.without_default_port(self.authority));
        same.then(|| match target.as_bytes().first() {
            Some(b'/') => target.to_owned(),
            _ => format!("/{target}"),
        })
    }

    fn without_default_port<'t>(&self, authority: &'t str) -> &'t str {
        let port = match self.scheme {
            "https" => ":443",
            _ => ":80",
        };
        authority.strip_suffix(port).unwrap_or(authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_the_same_origin_are_resolved() {
        let origin = Origin {
            scheme: "https",
            authority: "a.test",
        };
        let of = |reference: &str| origin.resolve("/x/y?q", reference.as_bytes());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("https://A.test:443/z?1#f"), some("/z?1"));
        assert_eq!(of("//a.test"), some("/"));
        assert_eq!(of("/z"), some("/z"));
        assert_eq!(of("z"), some("/x/z"));
        assert_eq!(of("?r"), some("/x/y?r"));
        assert_eq!(of(""), some("/x/y?q"));
        assert_eq!(of("/z?u=http://b.test"), some("/z?u=http://b.test"));
        for other in [
            "http://a.test/z",
            "https://b.test/z",
            "//a.test:80/",
            "mailto:a",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
