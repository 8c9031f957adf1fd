//! What the layers above made of a request.

use stackup_plugin::header::CONTENT_LENGTH;
use stackup_plugin::{Method, Request, Result};

use crate::offence::Offence;

pub(crate) fn check(req: &mut Request) -> Result<(), Offence> {
    path(req)?;
    body(req)
}

fn path(req: &Request) -> Result<(), Offence> {
    let (script_name, path_info) = (req.script_name(), req.path_info());
    if script_name.is_empty() && path_info.is_empty() {
        return Offence::new("R8", "SCRIPT_NAME and PATH_INFO are both empty");
    }
    if path_info == "*" && req.method() != Method::OPTIONS {
        let message = format!(
            "PATH_INFO is `*`, which is for OPTIONS, not {}",
            req.method()
        );
        return Offence::new("R8", message);
    }
    Ok(())
}

/// Who takes the body and wants it passed on puts it back.
fn body(req: &mut Request) -> Result<(), Offence> {
    let told = req
        .header(CONTENT_LENGTH)
        .and_then(|length| length.parse::<u64>().ok());
    let body = req.take_body();
    let has = body.size_hint().exact();
    req.set_body(body);
    match (told, has) {
        (Some(told), Some(has)) if told != has => {
            let message = format!(
                "the request's content-length is {told}, but its body has {has} bytes: \
                 did a layer above take it and not put it back?"
            );
            Offence::new("K5", message)
        }
        _ => Ok(()),
    }
}
