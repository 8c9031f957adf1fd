//! The page for a status.

use stackup_plugin::{Escaped, Method, StatusCode};

const STYLE: &str = "
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }
code { overflow-wrap: anywhere }
";

/// The page. All input is escaped.
pub(crate) fn html(
    status: StatusCode,
    detail: Option<&str>,
    method: &Method,
    path: &str,
) -> String {
    let number = status.as_u16();
    let reason = status.canonical_reason().unwrap_or("Error");
    let detail = Escaped(detail.unwrap_or(reason));
    let (method, path) = (Escaped(method.as_str()), Escaped(path));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{number} {reason}</title>\n<style>{STYLE}</style>\n\
         <h1>{number} {reason}</h1>\n<p>{detail}</p>\n<p><code>{method} {path}</code></p>\n"
    )
}
