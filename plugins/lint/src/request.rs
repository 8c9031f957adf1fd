//! What the layers above made of a request.

use contract::{Asked, Offence};
use stackup_plugin::Request;
use stackup_plugin::header::CONTENT_LENGTH;

pub(crate) fn check(req: &mut Request) -> impl Iterator<Item = Offence> + use<> {
    let body = req.take_body();
    let has = body.size_hint().exact();
    req.set_body(body);
    let told = req.header(CONTENT_LENGTH);
    let method = req.method();
    let asked = Asked {
        method: method.as_str(),
        script_name: req.script_name(),
        path_info: req.path_info(),
        told: told.and_then(|length| length.parse().ok()),
        has,
    };
    asked.offences()
}
