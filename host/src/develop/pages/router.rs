//! Routes requests for `/_stackup/`.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use serde_json::Value;

use super::api::{ApiError, MISSING, OFF};
use super::{Inspector, access, assets};
use crate::serve::observe::{Head, ObserverEnds, OwnRequest, OwnResponse};

/// The path of the inspector's pages.
const PREFIX: &str = "/_stackup";

/// The longest body of an edit, in bytes.
const MAX_EDIT: usize = 16 << 10;

/// The pages' policy: they load nothing from other hosts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl Inspector {
    /// Whether a target is one of these pages.
    pub(super) fn is_own_path(&self, target: &Uri) -> bool {
        let below = target.path().strip_prefix(PREFIX);
        let options = || self.active.load().dev;
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
            && (options().inspector || options().overlay)
    }

    /// Answers it.
    pub(super) async fn answer_page(&self, request: OwnRequest, ends: ObserverEnds) -> OwnResponse {
        let mut answer = self.route(request, ends).await;
        if !self.serves() {
            // The page's next request must reach the worker that has taken over.
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(header::CONNECTION, close);
        }
        answer
    }

    async fn route(&self, request: OwnRequest, ends: ObserverEnds) -> OwnResponse {
        let may_read = access::may_read(ends, Head::of(&request));
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
        let Some(path) = path.strip_prefix('/') else {
            return redirect();
        };
        let changes = parts.method == Method::POST;
        let may = may_read.and_then(|()| match changes {
            true => access::may_write(ends, &parts.headers),
            false => Ok(()),
        });
        if let Err(why) = may {
            return text(StatusCode::FORBIDDEN, why);
        }
        match parts.method {
            Method::GET | Method::HEAD => self.get_page(path),
            Method::POST => match Limited::new(body, MAX_EDIT).collect().await {
                Ok(body) => json(self.change(path, &body.to_bytes()).await),
                Err(error) => json(Err(ApiError::unreadable_body(&*error, MAX_EDIT))),
            },
            method => not_allowed(&method),
        }
    }

    fn get_page(&self, path: &str) -> OwnResponse {
        if path == "events" {
            return self.events();
        }
        let inspector = self.active.load().dev.inspector;
        match (assets::find(path), path.strip_prefix("api/")) {
            (Some(asset), _) if inspector || asset.overlay => {
                respond(StatusCode::OK, asset.content_type, asset.content)
            }
            (_, Some(path)) if inspector => json(self.get(path)),
            _ if inspector => text(StatusCode::NOT_FOUND, MISSING),
            _ => text(StatusCode::NOT_FOUND, OFF),
        }
    }
}

fn json(outcome: Result<Value, ApiError>) -> OwnResponse {
    let content_type = HeaderValue::from_static("application/json");
    match outcome {
        Ok(value) => respond(StatusCode::OK, content_type, value.to_string()),
        Err(ApiError { status, why }) => {
            let value = serde_json::json!({ "error": why });
            respond(status, content_type, value.to_string())
        }
    }
}

fn text(status: StatusCode, text: &str) -> OwnResponse {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    respond(status, plain, format!("{text}\n"))
}

fn not_allowed(method: &Method) -> OwnResponse {
    let why = format!("`/_stackup/` does not support `{method}`: use GET, HEAD or POST");
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, &why);
    let allowed = HeaderValue::from_static("GET, HEAD, POST");
    answer.headers_mut().insert(header::ALLOW, allowed);
    answer
}

/// Redirects to the path with a slash, on which the page's relative links depend.
fn redirect() -> OwnResponse {
    let mut answer = text(StatusCode::PERMANENT_REDIRECT, "/_stackup/");
    let there = HeaderValue::from_static("/_stackup/");
    answer.headers_mut().insert(header::LOCATION, there);
    answer
}

pub(super) fn respond(
    status: StatusCode,
    content_type: HeaderValue,
    content: impl Into<Bytes>,
) -> OwnResponse {
    response(
        status,
        content_type,
        Full::new(content.into()).boxed_unsync(),
    )
}

/// A response with the headers that all pages share.
pub(super) fn response(
    status: StatusCode,
    content_type: HeaderValue,
    body: UnsyncBoxBody<Bytes, Infallible>,
) -> OwnResponse {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
