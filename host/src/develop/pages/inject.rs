//! Additions to a response: `server-timing`, and the overlay's script in an HTML page.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use stackup_plugin::abi::host::{Failure, HostBody, HostResponse};

use super::csp;
use super::observed::ObservedRequest;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Headers that describe the body before the script was added.
const BODY_VALIDATORS: [HeaderName; 3] =
    [header::ETAG, header::LAST_MODIFIED, header::ACCEPT_RANGES];

impl ObservedRequest {
    /// Adds the overlay's script and the times to a response.
    pub(super) fn add_to(&self, response: &mut HostResponse) {
        let options = self.options;
        let navigation = is_navigation(&self.trace.headers);
        if options.overlay && navigation && accepts_script(response.status(), response.headers()) {
            self.add_script(response);
        }
        if options.inspector
            && let Ok(times) = HeaderValue::try_from(self.trace.server_timing())
        {
            response.headers_mut().append(SERVER_TIMING, times);
        }
    }

    /// The script shows problems, and reloads the page after a swap.
    fn add_script(&self, response: &mut HostResponse) {
        let generation = self.trace.generation;
        // Reloading the answer to a form would send the form again.
        let once = match self.trace.method {
            Method::GET | Method::HEAD => "",
            _ => " data-once",
        };
        let script = format!(
            "<script src=\"/_stackup/client.js\" data-generation=\"{generation}\"{once} async></script>"
        );
        let script = Bytes::from(script);
        let headers = response.headers_mut();
        let length = headers.get(header::CONTENT_LENGTH);
        let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
        if let Some(length) = length {
            let longer = length + script.len() as u64;
            headers.insert(header::CONTENT_LENGTH, longer.into());
        }
        for name in BODY_VALIDATORS {
            headers.remove(name);
        }
        let script = Some(script);
        response.map_body(|body| HostBody::Stream(Box::pin(Scripted { body, script })));
    }
}

/// Whether a browser requests a page to show it, and not for a script (Fetch Metadata §2.1). Other clients do not
/// say.
fn is_navigation(headers: &HeaderMap) -> bool {
    let shown = ["document", "frame", "iframe"];
    let wanted = headers.get("sec-fetch-dest");
    wanted.is_none_or(|wanted| shown.iter().any(|name| wanted == name))
}

/// Whether a response is a page that can take the script: whole, not compressed, with a policy that allows it.
fn accepts_script(status: StatusCode, headers: &HeaderMap) -> bool {
    let html = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next();
        essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(b"text/html"))
    });
    let bodiless = [
        StatusCode::NO_CONTENT,
        StatusCode::PARTIAL_CONTENT,
        StatusCode::NOT_MODIFIED,
    ];
    html && !bodiless.contains(&status)
        && !headers.contains_key(header::CONTENT_ENCODING)
        && csp::allows_own_script(headers)
}

/// A page with the script: behind `<head>` if that tag is whole in one chunk, else at the end.
struct Scripted {
    body: HostBody,
    script: Option<Bytes>,
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = &mut *self;
        let frame = std::task::ready!(Pin::new(&mut this.body).poll_frame(cx));
        Poll::Ready(match frame {
            Some(Ok(frame)) if frame.is_data() => {
                let chunk = frame.into_data().unwrap_or_default();
                Some(Ok(Frame::data(match head(&chunk) {
                    Some(at) => with_script(&chunk, at, this.script.take()),
                    None => chunk,
                })))
            }
            Some(Ok(trailers)) => {
                // No data may follow trailers.
                this.script = None;
                Some(Ok(trailers))
            }
            None => this.script.take().map(|script| Ok(Frame::data(script))),
            failed => failed,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.script.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let more = self.script.as_ref().map_or(0, Bytes::len) as u64;
        let hint = self.body.size_hint();
        let mut longer = SizeHint::new();
        if let Some(upper) = hint.upper() {
            longer.set_upper(upper.saturating_add(more));
        }
        longer.set_lower(hint.lower().saturating_add(more));
        longer
    }
}

fn with_script(chunk: &Bytes, at: usize, script: Option<Bytes>) -> Bytes {
    let script = script.unwrap_or_default();
    let mut all = BytesMut::with_capacity(chunk.len() + script.len());
    all.extend_from_slice(&chunk[..at]);
    all.extend_from_slice(&script);
    all.extend_from_slice(&chunk[at..]);
    all.freeze()
}

/// The position behind the `<head>` tag, if the chunk has it.
fn head(chunk: &[u8]) -> Option<usize> {
    let is_tag = |window: &[u8]| {
        window[..5].eq_ignore_ascii_case(b"<head")
            && matches!(window[5], b'>' | b' ' | b'\t' | b'\r' | b'\n')
    };
    let tag = chunk.windows(6).position(is_tag)?;
    let end = chunk[tag..].iter().position(|byte| *byte == b'>')?;
    Some(tag + end + 1)
}
