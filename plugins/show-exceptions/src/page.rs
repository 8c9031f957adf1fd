//! The page about an error.

use std::borrow::Cow;
use std::fmt::Write;

use log_text::{HIDDEN, in_path, in_query, in_text, is_secret};
use stackup_plugin::{Error, Escaped, Request};

const STYLE: &str = "
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; background: #8882 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem; border-bottom: 1px solid #8884 }
td { font-family: ui-monospace, monospace; overflow-wrap: anywhere }
th { font-weight: 600; white-space: nowrap }
";

/// The parts of a request that the page shows.
pub(crate) struct RequestSnapshot {
    method: String,
    path: String,
    env: Vec<(String, String)>,
}

impl RequestSnapshot {
    /// Cheap, since most requests do not fail.
    pub(crate) fn new(req: &Request) -> Self {
        Self {
            method: req.method().to_string(),
            path: in_path(&[req.script_name(), req.path_info()].concat()).into_owned(),
            env: req.env().iter().collect(),
        }
    }

    /// The env, sorted and with secrets hidden.
    fn env(&self) -> Vec<(&str, Cow<'_, str>)> {
        let shown = self.env.iter().map(|(name, value)| {
            let value = match name.as_str() {
                name if is_secret(name) => HIDDEN.into(),
                "QUERY_STRING" => in_query(value),
                "PATH_INFO" | "SCRIPT_NAME" => in_path(value),
                _ => in_text(value),
            };
            (name.as_str(), value)
        });
        let mut env: Vec<_> = shown.collect();
        env.sort_unstable();
        env
    }

    pub(crate) fn request(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// The error and its location in one line.
pub(crate) fn describe(error: &Error) -> String {
    let kind = if error.is_panic() { "panic" } else { "error" };
    let mut line = kind.to_owned();
    if !error.handler().is_empty() {
        let _ = write!(line, " in `{}`", error.handler());
    }
    if !error.place().is_empty() {
        let _ = write!(line, " at {}", error.place());
    }
    let _ = write!(line, ": {}", error.message());
    line
}

pub(crate) fn text(error: &Error, snapshot: &RequestSnapshot) -> String {
    format!(
        "{}\n\n{}\n\n{}\n",
        error.status(),
        describe(error),
        snapshot.request()
    )
}

pub(crate) fn html(error: &Error, snapshot: &RequestSnapshot) -> String {
    let status = error.status();
    let (what, request) = (describe(error), snapshot.request());
    let (what, request) = (Escaped(&what), Escaped(&request));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{status}</title>\n<style>{STYLE}</style>\n\
         <h1>{status}</h1>\n<p>{request}</p>\n<pre>{what}</pre>\n\
         <h2>The request</h2>\n<table>\n"
    );
    for (name, value) in snapshot.env() {
        // Writing to a string does not fail.
        let (name, value) = (Escaped(name), Escaped(&value));
        let _ = writeln!(page, "<tr><th scope=\"row\">{name}<td>{value}");
    }
    page.push_str("</table>\n");
    page
}
