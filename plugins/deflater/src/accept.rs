//! Choosing a coding by `Accept-Encoding` (RFC 9110 §12.5.3).

use stackup_plugin::Headers;
use stackup_plugin::header::ACCEPT_ENCODING;

use crate::config::Coding;

/// How many members of the header are read: more than a client needs.
const MAX_MEMBERS: usize = 16;

/// The form of a response.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Choice {
    /// As it is.
    Identity,
    /// Compressed.
    Coding(Coding),
    /// The client accepts none of the available forms.
    NotAcceptable,
}

/// Chooses the form for a request. `codings` are in the server's order of preference.
pub(crate) fn choose(headers: Headers<'_>, codings: &[Coding]) -> Choice {
    let members = headers.weighted(ACCEPT_ENCODING, MAX_MEMBERS);
    let quality = |names: &[&str]| {
        let of = |wanted: &str| {
            let mut members = members.iter();
            let found = members.find(|member| member.value.eq_ignore_ascii_case(wanted));
            found.map(|member| member.quality)
        };
        names.iter().find_map(|name| of(name)).or_else(|| of("*"))
    };
    let mut best = None;
    for &coding in codings {
        let names: &[&str] = match coding {
            // Its old name (§8.4.1.3).
            Coding::Gzip => &["gzip", "x-gzip"],
            Coding::Br => &["br"],
            Coding::Zstd => &["zstd"],
        };
        let quality = quality(names).unwrap_or(0);
        if quality > best.map_or(0, |(quality, _)| quality) {
            best = Some((quality, coding));
        }
    }
    match (best, quality(&["identity"])) {
        (Some((quality, _)), Some(plain)) if plain > quality => Choice::Identity,
        (Some((_, coding)), _) => Choice::Coding(coding),
        (None, Some(0)) => Choice::NotAcceptable,
        // `identity` is acceptable unless excluded.
        (None, _) => Choice::Identity,
    }
}

#[cfg(test)]
mod tests {
    use stackup_plugin::{Response, StatusCode};

    use super::*;

    fn chosen(accept: &str) -> Choice {
        let res = Response::new(StatusCode::OK)
            .with_header(ACCEPT_ENCODING, accept)
            .unwrap();
        choose(res.headers(), &[Coding::Zstd, Coding::Br, Coding::Gzip])
    }

    #[test]
    fn highest_quality_is_chosen() {
        use Choice::{Identity, NotAcceptable};
        let [gzip, br, zstd] = [Coding::Gzip, Coding::Br, Coding::Zstd].map(Choice::Coding);
        let cases = [
            ("gzip", gzip),
            ("GZip", gzip),
            ("x-gzip", gzip),
            ("gzip, deflate, br", br),
            ("gzip, deflate, br, zstd", zstd),
            ("gzip;q=1, br;q=0.9, zstd;q=0.5", gzip),
            ("gzip;q=0.001", gzip),
            ("*", zstd),
            ("*;q=0.1, gzip;q=0.2", gzip),
            ("zstd;q=0, *", br),
            ("gzip;q=0.5, identity;q=0.6", Identity),
            ("gzip;q=0.5, identity;q=0.5", gzip),
            ("gzip;q=0", Identity),
            ("deflate, compress", Identity),
            ("", Identity),
            ("identity", Identity),
            ("gzip;q=2", Identity),
            ("identity;q=0", NotAcceptable),
            ("*;q=0", NotAcceptable),
            ("deflate, *;q=0", NotAcceptable),
            ("identity;q=0, gzip;q=0.1", gzip),
            ("*;q=0, identity", Identity),
        ];
        for (accept, choice) in cases {
            assert_eq!(chosen(accept), choice, "{accept}");
        }
    }

    #[test]
    fn missing_header_gets_identity() {
        let res = Response::new(StatusCode::OK);
        assert_eq!(choose(res.headers(), &[Coding::Gzip]), Choice::Identity);
    }

    #[test]
    fn only_sixteen_members_are_read() {
        let others = |count| "x,".repeat(count) + "gzip";
        assert_eq!(chosen(&others(15)), Choice::Coding(Coding::Gzip));
        assert_eq!(chosen(&others(16)), Choice::Identity);
    }
}
