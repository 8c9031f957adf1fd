//! The header `Forwarded` (RFC 7239), as the host and `host-authorization` read it.

#![forbid(unsafe_code)]

use std::borrow::Cow;

/// One element of `Forwarded`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hop<'h> {
    /// `for`: the client of this proxy.
    pub client: Option<Cow<'h, str>>,
    /// `proto`: the scheme that it used.
    pub proto: Option<Cow<'h, str>>,
    /// `host`: the host that it asked for.
    pub host: Option<Cow<'h, str>>,
}

/// Half a quoted string may hide what a proxy has appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads the elements of a line: `for=192.0.2.1;proto=https, for="[2001:db8::1]:80"`.
///
/// # Errors
///
/// The line is malformed. The elements before that place have been read.
pub fn parse<'h>(line: &'h str, hops: &mut Vec<Hop<'h>>) -> Result<(), Malformed> {
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Ok(());
        }
        let mut hop = Hop::default();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ';']);
            if rest.is_empty() || rest.starts_with(',') {
                break;
            }
            let (name, value) = rest.split_once('=').ok_or(Malformed)?;
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(Malformed);
            }
            let (value, after) = parameter_value(value)?;
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with([';', ',']) {
                return Err(Malformed);
            }
            let place = match name {
                _ if name.eq_ignore_ascii_case("for") => &mut hop.client,
                _ if name.eq_ignore_ascii_case("proto") => &mut hop.proto,
                _ if name.eq_ignore_ascii_case("host") => &mut hop.host,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(Malformed);
            }
        }
        hops.push(hop);
    }
}

/// A token or a quoted string, and the text after it.
fn parameter_value(text: &str) -> Result<(Cow<'_, str>, &str), Malformed> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.bytes().position(|byte| !is_value(byte));
        let (value, rest) = text.split_at(end.unwrap_or(text.len()));
        return match value {
            "" => Err(Malformed),
            value => Ok((value.into(), rest)),
        };
    };
    let end = quoted.find(['"', '\\']).ok_or(Malformed)?;
    if quoted[end..].starts_with('"') {
        return Ok((quoted[..end].into(), &quoted[end + 1..]));
    }
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value.into(), &quoted[at + 1..])),
            '\\' => value.push(characters.next().ok_or(Malformed)?.1),
            other => value.push(other),
        }
    }
    Err(Malformed)
}

/// A byte of a token (RFC 9110 §5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Also what must be quoted, as some proxies do not: `for=[2001:db8::1]:80`.
fn is_value(byte: u8) -> bool {
    is_token(byte) || b":[]".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(line: &str) -> Result<Vec<String>, Malformed> {
        let mut hops = Vec::new();
        parse(line, &mut hops)?;
        Ok(hops
            .into_iter()
            .filter_map(|hop| hop.host.map(Cow::into_owned))
            .collect())
    }

    #[test]
    fn each_element_has_a_host() {
        for (line, wanted) in [
            ("host=a", vec!["a"]),
            ("for=x;HOST=a;proto=https, host=\"b:80\"", vec!["a", "b:80"]),
            ("for=\"host=evil\";host=a", vec!["a"]),
            ("host=\"a\\b\"", vec!["ab"]),
            ("x=host", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(
                hosts(line),
                Ok(wanted.into_iter().map(str::to_owned).collect()),
                "{line}"
            );
        }
        for line in [
            "host",
            "host=",
            "host=\"a",
            "host=a b",
            "host=a;host=b",
            "ho st=a",
            "=a",
        ] {
            assert_eq!(hosts(line), Err(Malformed), "{line}");
        }
    }
}
