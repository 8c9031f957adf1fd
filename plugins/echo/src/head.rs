//! The head of a request as text.

use std::fmt::Write;

use stackup_plugin::{HeaderName, Request};

/// The request line, the headers except `hidden` ones, and an empty line.
pub(crate) fn text(req: &Request, hidden: &[HeaderName]) -> Vec<u8> {
    let uri = req.uri();
    let target = uri
        .path_and_query()
        .map_or(req.path(), |target| target.as_str());
    let mut line = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(line, "{} {target} {:?}", req.method(), req.version());
    let mut head = line.into_bytes();
    let shown = |name: &str| hidden.iter().all(|hidden| hidden != name);
    for (name, value) in req.headers().iter().filter(|(name, _)| shown(name)) {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.push(b'\n');
    }
    head.push(b'\n');
    head
}
