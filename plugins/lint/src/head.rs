//! The head of a response.

use stackup_plugin::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use stackup_plugin::{Response, Result, StatusCode};

use crate::offence::Offence;

pub(crate) fn check(res: &mut Response, is_head: bool) -> Result<(), Offence> {
    let status = res.status();
    if status.is_informational() {
        return Offence::new("R17", format!("{status} is no final response"));
    }
    if res.headers().contains(TRANSFER_ENCODING) {
        let message = "a handler set `transfer-encoding`, but the server frames bodies";
        return Offence::new("R17", message);
    }
    length(res, is_head)
}

fn length(res: &mut Response, is_head: bool) -> Result<(), Offence> {
    let lines = res.headers().get_all(CONTENT_LENGTH).count();
    if lines == 0 {
        return Ok(());
    }
    let Some(promised) = promised(res) else {
        return Offence::new("K9", "`content-length` is not one number");
    };
    if res.status() == StatusCode::NO_CONTENT {
        return Offence::new("RFC 9110 §8.6", "a 204 has no `content-length`");
    }
    let body = res.take_body();
    let has = body.size_hint().exact();
    res.set_body(body);
    match has {
        Some(has) if has != promised && !is_head && has_content(res) => {
            let message = format!("`content-length` is {promised}, but the body has {has} bytes");
            Offence::new("K9", message)
        }
        _ => Ok(()),
    }
}

/// The one number that `content-length` is.
pub(crate) fn promised(res: &Response) -> Option<u64> {
    let mut lines = res.headers().get_all(CONTENT_LENGTH);
    let digits = lines.next()?.to_str()?;
    let valid = digits.bytes().all(|byte| byte.is_ascii_digit()) && lines.next().is_none();
    digits.parse().ok().filter(|_| valid)
}

/// Whether the length is that of the body: that of a 304 speaks of another response.
pub(crate) fn has_content(res: &Response) -> bool {
    res.status() != StatusCode::NOT_MODIFIED
}
