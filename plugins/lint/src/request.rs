//! Checking a request as the layers above pass it on.

use contract::{RequestHead, Violation};
use stackup_plugin::Request;
use stackup_plugin::header::CONTENT_LENGTH;

pub(crate) fn check(req: &mut Request) -> impl Iterator<Item = Violation> + use<> {
    let body = req.take_body();
    let body_size = body.size_hint().exact();
    req.set_body(body);
    let content_length = req.header(CONTENT_LENGTH);
    let method = req.method();
    let head = RequestHead {
        method: method.as_str(),
        script_name: req.script_name(),
        path_info: req.path_info(),
        content_length: content_length.and_then(|length| length.parse().ok()),
        body_size,
    };
    head.violations()
}
