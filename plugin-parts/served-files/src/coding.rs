//! Content codings that may lie beside a file, and which of them a client takes (RFC 9110 §12.5.3).

use stackup_plugin::{Headers, header};

/// A content coding with an extension of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
    /// `gzip`.
    Gzip,
}

impl Coding {
    /// All of them; the first is preferred where a client does not mind.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// Its name in `content-encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// What follows the name of the file that it is made of.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }
}

/// How many codings are looked at: there are not as many.
const LOOKED_AT: usize = 32;

/// How much a client wants each coding, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Accepted {
    codings: [u16; 3],
    identity: u16,
}

impl Accepted {
    /// No coding.
    pub(crate) const NONE: Self = Self {
        codings: [0; 3],
        identity: 0,
    };

    /// What `Accept-Encoding` says; without one nothing is encoded.
    pub fn of(headers: Headers<'_>) -> Self {
        let wanted = headers.weighted(header::ACCEPT_ENCODING, LOOKED_AT);
        let quality = |name: &str| {
            let named = wanted
                .iter()
                .find(|one| one.value.eq_ignore_ascii_case(name));
            named.map(|one| one.quality)
        };
        let rest = quality("*");
        let of_coding = |coding: Coding| {
            let old = quality("x-gzip").filter(|_| coding == Coding::Gzip);
            quality(coding.name()).or(old).or(rest).unwrap_or(0)
        };
        Self {
            codings: Coding::ALL.map(of_coding),
            // Unless it is named, any coding is better.
            identity: quality("identity").unwrap_or(0),
        }
    }

    /// The one of `there` that is wanted most; none where that is the file as it is.
    pub fn choose(&self, there: &[Coding]) -> Option<Coding> {
        let ranked = Coding::ALL.into_iter().zip(self.codings);
        let wanted = ranked.filter(|(coding, quality)| {
            there.contains(coding) && *quality > 0 && *quality >= self.identity
        });
        // Of equals `max_by_key` takes the last.
        wanted
            .rev()
            .max_by_key(|(_, quality)| *quality)
            .map(|(coding, _)| coding)
    }
}

#[cfg(test)]
mod tests {
    use stackup_plugin::{Response, StatusCode};

    use super::*;

    #[test]
    fn most_wanted_coding_is_chosen() {
        use Coding::{Brotli, Gzip, Zstd};
        let cases: [(&str, &[Coding], Option<Coding>); 15] = [
            ("gzip, deflate, br, zstd", &[Gzip, Brotli], Some(Brotli)),
            ("gzip, deflate, br, zstd", &[Gzip, Zstd], Some(Zstd)),
            ("gzip, br;q=0.9", &[Gzip, Brotli], Some(Gzip)),
            ("GZip;Q=0.001", &[Gzip], Some(Gzip)),
            ("x-gzip", &[Gzip], Some(Gzip)),
            ("*", &[Gzip], Some(Gzip)),
            ("*;q=0, br", &[Gzip, Brotli], Some(Brotli)),
            ("gzip;q=0, *", &[Gzip], None),
            ("br", &[Gzip], None),
            ("gzip;q=0.5, identity", &[Gzip], None),
            ("gzip;q=0.5, identity;q=0.5", &[Gzip], Some(Gzip)),
            ("identity;q=0", &[Gzip], None),
            ("gzip;q=2", &[Gzip], None),
            ("gzip;q=0.0000", &[Gzip], None),
            ("", &[Gzip], None),
        ];
        for (value, there, chosen) in cases {
            let res = Response::new(StatusCode::OK)
                .with_header("accept-encoding", value)
                .unwrap();
            assert_eq!(Accepted::of(res.headers()).choose(there), chosen, "{value}");
        }
        let none = Response::new(StatusCode::OK);
        assert_eq!(Accepted::of(none.headers()).choose(&Coding::ALL), None);
    }
}
