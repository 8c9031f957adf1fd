//! The headers of a response that describe its coding.

use stackup_plugin::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, VARY,
};
use stackup_plugin::{HeaderName, Response, Result, Value};

use crate::config::Coding;

/// Whether a response must stay as it is: it is already encoded, or has `no-transform`.
pub(crate) fn is_fixed(res: &Response) -> bool {
    let encoded =
        members(res, CONTENT_ENCODING).any(|coding| !coding.eq_ignore_ascii_case("identity"));
    let kept = members(res, CACHE_CONTROL).any(|word| word.eq_ignore_ascii_case("no-transform"));
    encoded || kept
}

/// Whether a response consists of several ranges (RFC 9110 §14.6).
pub(crate) fn is_multipart(res: &Response) -> bool {
    let content_type = res.header(CONTENT_TYPE).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("multipart/byteranges")
}

/// Adds `accept-encoding` to `vary`.
pub(crate) fn vary(res: &mut Response) -> Result<()> {
    let said =
        members(res, VARY).any(|name| name == "*" || name.eq_ignore_ascii_case("accept-encoding"));
    if !said {
        let names: Vec<_> = members(res, VARY).chain(["accept-encoding"]).collect();
        let names = names.join(", ");
        res.headers_mut().insert(VARY, names)?;
    }
    Ok(())
}

/// Makes a strong tag weak, since different bytes may not have the same strong tag (RFC 9110 §8.8.3.3). Removes a
/// malformed one.
pub(crate) fn weaken_etag(res: &mut Response) -> Result<()> {
    let Some(tag) = res
        .headers()
        .get(ETAG)
        .map(|tag| Value::as_bytes(tag).to_vec())
    else {
        return Ok(());
    };
    let quoted = |tag: &[u8]| tag.len() > 1 && tag.starts_with(b"\"") && tag.ends_with(b"\"");
    if quoted(&tag) {
        res.headers_mut()
            .insert(ETAG, [b"W/", &tag[..]].concat().as_slice())?;
    } else if !tag.strip_prefix(b"W/").is_some_and(quoted) {
        res.headers_mut().remove(ETAG);
    }
    Ok(())
}

/// Sets the coding, and removes the headers that described the uncompressed bytes.
pub(crate) fn encoded(res: &mut Response, coding: Coding) -> Result<()> {
    let digests = ["digest", "content-digest", "repr-digest", "content-md5"];
    let digests = digests.map(HeaderName::from_static);
    for name in [CONTENT_LENGTH, ACCEPT_RANGES].iter().chain(&digests) {
        res.headers_mut().remove(name);
    }
    res.headers_mut().insert(CONTENT_ENCODING, coding.name())?;
    Ok(())
}

/// The members of a list header.
fn members(res: &Response, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = res.headers().get_all(name).filter_map(Value::to_str);
    let members = lines.flat_map(|line| line.split(',')).map(str::trim);
    members.filter(|member| !member.is_empty())
}
