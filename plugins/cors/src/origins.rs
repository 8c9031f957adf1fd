//! Which origins may ask.

use std::borrow::Cow;

use stackup_plugin::{Error, Result, Uri};

/// Which origins may ask.
pub(crate) enum Origins {
    /// Every one.
    Any,
    List(Vec<Origin>),
}

/// An origin, as browsers write it (RFC 6454 §6.2).
pub(crate) enum Origin {
    This(String),
    /// `https://*.example.com`: what stands before the star, and after it.
    Below(String, String),
}

impl Origins {
    pub(crate) fn parse(texts: &[String]) -> Result<Self> {
        if texts.is_empty() {
            let message = "no origin: such as \"https://www.example.com\", or \"*\" for all";
            return Err(Error::config("origins", message));
        }
        if texts.iter().any(|text| text == "*") {
            return match texts.len() {
                1 => Ok(Self::Any),
                _ => Err(Error::config(
                    "origins",
                    "`*` is all: remove the others, or it",
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

    /// `access-control-allow-origin` for a page of `origin`, if it may ask.
    pub(crate) fn answer(&self, origin: &str) -> Option<Cow<'static, str>> {
        match self {
            Self::Any => Some("*".into()),
            Self::List(origins) => {
                let known = origins.iter().any(|known| known.is(origin));
                known.then(|| origin.to_owned().into())
            }
        }
    }
}

impl Origin {
    /// Else what is wrong with it.
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "null" {
            return Err("is the origin of every file and sandbox: it would be all of them");
        }
        let uri: Uri = text
            .replace("://*.", "://star.")
            .parse()
            .map_err(|_| "is no origin")?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("is no origin: a scheme, `://` and a host");
        };
        if text.ends_with('/') || text.contains('@') || uri.path() != "/" || uri.query().is_some() {
            return Err("is more than an origin: it ends after the host or its port");
        }
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err("is none that a browser writes: lower case");
        }
        let default = match scheme {
            "https" => 443,
            "http" => 80,
            _ => 0,
        };
        if authority.port_u16() == Some(default) {
            return Err("is none that a browser writes: without the port that goes without saying");
        }
        match text.split_once('*') {
            None => Ok(Self::This(text.to_owned())),
            Some((before, after)) if before.ends_with("://") && !after.contains('*') => {
                Ok(Self::Below(before.to_owned(), after.to_owned()))
            }
            Some(_) => Err("has a star elsewhere than in place of the first names of the host"),
        }
    }

    fn is(&self, origin: &str) -> bool {
        match self {
            Self::This(own) => own == origin,
            Self::Below(before, after) => {
                let names = origin.strip_prefix(before.as_str());
                let names = names.and_then(|rest| rest.strip_suffix(after.as_str()));
                names.is_some_and(is_names)
            }
        }
    }
}

/// Names of a host and dots: neither a port nor what an attacker might put before.
fn is_names(text: &str) -> bool {
    let name = |name: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !name.is_empty() && name.bytes().all(letter)
    };
    text.split('.').all(name)
}
