//! The allowed origins.

use std::borrow::Cow;

use stackup_plugin::{Error, Result, Uri};

/// The allowed origins.
pub(crate) enum Origins {
    /// Every origin.
    Any,
    List(Vec<Origin>),
}

/// An origin, as browsers write it (RFC 6454 §6.2).
pub(crate) enum Origin {
    Exact(String),
    /// `https://*.example.com`: the text before and after the star.
    Subdomains(String, String),
}

impl Origins {
    pub(crate) fn parse(texts: &[String]) -> Result<Self> {
        if texts.is_empty() {
            let message =
                "no origins; add one such as \"https://www.example.com\", or \"*\" for all";
            return Err(Error::config("origins", message));
        }
        if texts.iter().any(|text| text == "*") {
            return match texts.len() {
                1 => Ok(Self::Any),
                _ => Err(Error::config(
                    "origins",
                    "`*` already allows every origin; remove it or the others",
                )),
            };
        }
        let parse = |(index, text): (usize, &String)| {
            Origin::parse(text).map_err(|why| {
                Error::config(format!("origins[{index}]"), format!("{text:?} {why}"))
            })
        };
        let origins = texts.iter().enumerate().map(parse);
        Ok(Self::List(origins.collect::<Result<_>>()?))
    }

    /// `access-control-allow-origin` for a page of `origin`, if allowed.
    pub(crate) fn allow_origin(&self, origin: &str) -> Option<Cow<'static, str>> {
        match self {
            Self::Any => Some("*".into()),
            Self::List(origins) => {
                let known = origins.iter().any(|known| known.matches(origin));
                known.then(|| origin.to_owned().into())
            }
        }
    }
}

impl Origin {
    /// Parses an origin; an error completes the sentence "`text` …".
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "null" {
            return Err(
                "is the origin of every file and sandboxed page, so it would allow all of them",
            );
        }
        let uri: Uri = text
            .replace("://*.", "://star.")
            .parse()
            .map_err(|_| "is not an origin")?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("is not an origin: expected a scheme, `://` and a host");
        };
        if text.ends_with('/') || text.contains('@') || uri.path() != "/" || uri.query().is_some() {
            return Err("is more than an origin: expected nothing after the host or port");
        }
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err("never matches: browsers send origins in lower case");
        }
        let default = match scheme {
            "https" => 443,
            "http" => 80,
            _ => 0,
        };
        if authority.port_u16() == Some(default) {
            return Err("never matches: browsers leave out the default port");
        }
        match text.split_once('*') {
            None => Ok(Self::Exact(text.to_owned())),
            Some((before, after)) if before.ends_with("://") && !after.contains('*') => {
                Ok(Self::Subdomains(before.to_owned(), after.to_owned()))
            }
            Some(_) => Err(
                "has a `*` in the wrong place: it can only stand for the first labels of the host",
            ),
        }
    }

    fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Exact(own) => own == origin,
            Self::Subdomains(before, after) => {
                let names = origin.strip_prefix(before.as_str());
                let names = names.and_then(|rest| rest.strip_suffix(after.as_str()));
                names.is_some_and(is_labels)
            }
        }
    }
}

/// Whether this is host labels separated by dots: no port, and nothing that an attacker could prepend.
fn is_labels(text: &str) -> bool {
    let name = |name: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !name.is_empty() && name.bytes().all(letter)
    };
    text.split('.').all(name)
}
