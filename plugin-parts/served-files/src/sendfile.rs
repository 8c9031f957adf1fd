//! How a file is left to the server in front: what `sendfile` and the apps below it agree on.
//!
//! Rack's bodies have a `to_path`; here a middleware offers to have the file sent, in the env, where no
//! client can write, and the answer names it in a header that the middleware takes off again.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use stackup_plugin::{InvalidHeader, Request, Response};

use crate::escape::escape;

/// The name in the env of the offer.
const OFFER: &str = "stackup.sendfile";

/// The header that names the file.
const FILE: &str = "x-stackup-file";

/// Offers the layers below to have a file sent in place of a body.
pub fn offer(req: &mut Request) {
    req.env_mut().set(OFFER, "1");
}

/// Whether a layer above offers it.
pub fn is_offered(req: &Request) -> bool {
    req.env().get(OFFER).is_some()
}

/// Says that the whole body is this file, all `length` bytes of it.
///
/// # Errors
///
/// More headers than fit.
pub fn name(res: &mut Response, path: &Path, length: u64) -> Result<(), InvalidHeader> {
    // A path that is not text can't be named, and the body is there.
    let Some(path) = path.to_str() else {
        return Ok(());
    };
    let value = format!("{length} {}", escape(path));
    res.headers_mut().insert(FILE, value)
}

/// Takes the name off again. It is none if the body is no longer that of the file: a layer in between
/// that changed it has removed its length (K9 of SPEC.md), or what is left can't tell its own.
pub fn take(res: &mut Response) -> Option<PathBuf> {
    let value = res.header(FILE).map(str::to_owned);
    res.headers_mut().remove(FILE);
    let value = value?;
    let (length, path) = value.split_once(' ')?;
    let body = res.take_body();
    let exact = body.size_hint().exact();
    res.set_body(body);
    let promised = res.header("content-length") == Some(length);
    let untouched = promised && exact.is_some_and(|exact| exact.to_string() == length);
    let path = percent_decode_str(path).decode_utf8().ok()?;
    untouched.then(|| PathBuf::from(path.into_owned()))
}
