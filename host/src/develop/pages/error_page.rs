//! The error page for a failed request, in development.

use std::fmt::Write as _;

use http::{HeaderValue, header};
use serde_json::json;
use stackup_plugin::Escaped;
use stackup_plugin::abi::host::{Failure, HostResponse};
use stackup_plugin::abi::tables::RawErrorKind;

use super::accept::{PageFormat, preferred};
use super::observed::ObservedRequest;
use crate::develop::trace::{TraceView, VisitView};

/// The page's style, inline: the page must not depend on other requests.
const STYLE: &str = include_str!("assets/error.css");

impl ObservedRequest {
    /// The response to an error that no middleware has handled: HTML, JSON or text, as the client prefers.
    pub(super) fn error_page(&self, failure: &Failure) -> HostResponse {
        // Generation 0 shows the problem itself.
        let problem = self.state.problem().filter(|_| self.trace.generation > 0);
        let page = ErrorPage {
            failure,
            inspector: self.options.inspector,
            shown: self.trace.view(),
            problem: problem.map(|problem| strip(&problem.text)),
        };
        let (content_type, text) = match preferred(&self.trace.headers) {
            PageFormat::Html => ("text/html; charset=utf-8", page.html()),
            PageFormat::Json => ("application/json", page.json()),
            PageFormat::Text => ("text/plain; charset=utf-8", page.text()),
        };
        let mut response = failure.to_response(text);
        let content_type = HeaderValue::from_static(content_type);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        response
    }
}

/// What the page shows.
struct ErrorPage<'a> {
    failure: &'a Failure,
    /// Whether to link to the inspector.
    inspector: bool,
    shown: TraceView,
    /// The current problem, which may be the cause.
    problem: Option<String>,
}

impl ErrorPage<'_> {
    /// The handler that failed, if known.
    fn handler(&self) -> Option<&str> {
        Some(self.failure.handler.as_str()).filter(|handler| !handler.is_empty())
    }

    fn request(&self) -> String {
        let summary = &self.shown.summary;
        format!("{} {}", summary.method, summary.target)
    }

    /// The request in Rack's names, as the failed handler received it.
    fn env(&self) -> Vec<(String, String)> {
        let visits = &self.shown.visits;
        let failing = |visit: &&VisitView| Some(visit.handler.as_str()) == self.handler();
        let visit = visits.iter().rev().find(failing).or(visits.last());
        let summary = &self.shown.summary;
        let mut env = vec![
            ("REQUEST_METHOD".to_owned(), summary.method.clone()),
            ("REQUEST_TARGET".to_owned(), summary.target.clone()),
        ];
        if let Some(visit) = visit {
            env.push(("SCRIPT_NAME".to_owned(), visit.script_name.clone()));
            env.push(("PATH_INFO".to_owned(), visit.path_info.clone()));
        }
        let headers = visit.map_or(&self.shown.request, |visit| &visit.request);
        env.extend(headers.iter().map(|(name, value)| {
            let name = format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_"));
            (name, value.clone())
        }));
        env.extend(visit.into_iter().flat_map(|visit| visit.env.clone()));
        env
    }

    fn kind(&self) -> &'static str {
        match self.failure.kind {
            RawErrorKind::Panic => "panic",
            _ => "error",
        }
    }

    fn text(&self) -> String {
        let Failure { status, .. } = self.failure;
        let handler = self.handler();
        let handler = handler.map(|handler| format!("in `{handler}`: "));
        let handler = handler.unwrap_or_default();
        let failure = self.failure.to_string();
        let (failure, request) = (failure.trim_end(), self.request());
        let mut text = format!("{status}\n\n{handler}{failure}\n\n{request}\n");
        if let Some(problem) = &self.problem {
            let _ = write!(text, "\n{}\n", problem.trim_end());
        }
        text
    }

    fn json(&self) -> String {
        let env: serde_json::Map<_, _> = self
            .env()
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        let value = json!({
            "status": self.failure.status.as_u16(),
            "kind": self.kind(),
            "handler": self.handler(),
            "message": self.failure.message,
            "place": self.failure.place,
            "request": self.request(),
            "env": env,
            "problem": self.problem,
        });
        format!("{value:#}\n")
    }

    fn html(&self) -> String {
        let status = self.failure.status;
        let (request, kind) = (self.request(), self.kind());
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>{status}</title>\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<style>{STYLE}</style></head>\n\
             <body><header><p>{status}</p>\n<h1>"
        );
        let _ = match self.handler() {
            Some(handler) => write!(page, "{kind} in <code>{}</code>", Escaped(handler)),
            None => write!(page, "{kind}"),
        };
        let _ = write!(
            page,
            "</h1>\n<pre class=\"message\">{}</pre>\n",
            Escaped(self.failure.message.trim_end())
        );
        if !self.failure.place.is_empty() {
            let _ = writeln!(
                page,
                "<p>at <code>{}</code></p>",
                Escaped(&self.failure.place)
            );
        }
        page.push_str("</header>\n<main>\n");
        if let Some(problem) = &self.problem {
            let _ = write!(
                page,
                "<section><h2>The last change was refused</h2>\n<pre>{}</pre></section>\n",
                Escaped(problem.trim_end())
            );
        }
        let _ = writeln!(page, "<section><h2><code>{}</code></h2>", Escaped(&request));
        let _ = writeln!(page, "<ol class=\"layers\">");
        for visit in &self.shown.visits {
            let failed = Some(visit.handler.as_str()) == self.handler();
            let class = if failed { " class=\"failed\"" } else { "" };
            let _ = writeln!(
                page,
                "<li{class}><code>{}</code></li>",
                Escaped(&visit.handler)
            );
        }
        page.push_str("</ol>\n<table>\n");
        for (name, value) in self.env() {
            let (name, value) = (Escaped(&name), Escaped(&value));
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>"
            );
        }
        page.push_str("</table></section>\n");
        if self.inspector {
            let number = self.shown.summary.number;
            let _ = writeln!(
                page,
                "<p><a href=\"/_stackup/#request={number}\">This request in the inspector</a></p>"
            );
        }
        page.push_str("</main></body></html>\n");
        page
    }
}

fn strip(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
