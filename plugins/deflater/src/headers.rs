//! What the headers of a response say of its form, and of whether that may change.

use stackup_plugin::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, VARY,
};
use stackup_plugin::{HeaderName, Response, Result, Value};

use crate::config::Coding;

/// Whether a response must stay as it is: it is encoded, it is a part, or its maker says so.
pub(crate) fn is_fixed(res: &Response) -> bool {
    let encoded =
        members(res, CONTENT_ENCODING).any(|coding| !coding.eq_ignore_ascii_case("identity"));
    let kept = members(res, CACHE_CONTROL).any(|word| word.eq_ignore_ascii_case("no-transform"));
    // A range is one of the bytes of one form (RFC 9110 §14.4).
    encoded || kept || res.headers().contains(CONTENT_RANGE)
}

/// Says that the form depends on what the client accepts.
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

/// Makes of a tag for certain bytes one for all forms of the content: different bytes may not have
/// the same strong tag (RFC 9110 §8.8.3.3). What is no tag goes.
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

/// Says which coding the body has now, and nothing any more of the bytes that it had.
pub(crate) fn encoded(res: &mut Response, coding: Coding) -> Result<()> {
    let digests = ["digest", "content-digest", "repr-digest", "content-md5"];
    let digests = digests.map(HeaderName::from_static);
    for name in [CONTENT_LENGTH, ACCEPT_RANGES].iter().chain(&digests) {
        res.headers_mut().remove(name);
    }
    res.headers_mut().insert(CONTENT_ENCODING, coding.name())?;
    Ok(())
}

/// The members of a header that is a list.
fn members(res: &Response, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = res.headers().get_all(name).filter_map(Value::to_str);
    let members = lines.flat_map(|line| line.split(',')).map(str::trim);
    members.filter(|member| !member.is_empty())
}
