//! The response to a request for a file.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use stackup_plugin::{Body, Headers, Method, Request, Response, Result, StatusCode, header};

use crate::body::{FileBody, Piece};
use crate::conditions::{Precondition, evaluate, range_holds};
use crate::error::options_response;
use crate::folder::{Content, OpenFile};
use crate::ranges::{RequestedRange, requested_range};
use crate::sendfile;

/// The parts of a request that decide the response.
#[derive(Debug, Clone, Copy)]
pub struct FileRequest<'a> {
    pub(crate) head: bool,
    options: bool,
    pub(crate) headers: Headers<'a>,
    pub(crate) sendfile: bool,
}

impl<'a> FileRequest<'a> {
    /// From a `GET`, `HEAD` or `OPTIONS` request.
    pub fn new(req: &'a Request) -> Self {
        Self {
            head: req.method() == Method::HEAD,
            options: req.method() == Method::OPTIONS,
            headers: req.headers(),
            sendfile: sendfile::is_offered(req),
        }
    }
}

impl OpenFile {
    /// The response: 200, 206, 304, 412 or 416; 200 without content for `OPTIONS`.
    ///
    /// # Errors
    ///
    /// More headers than fit.
    pub fn respond(self, request: FileRequest<'_>) -> Result {
        if request.options {
            return options_response();
        }
        match evaluate(request.headers, &self.facts.validators) {
            Precondition::NotModified => return self.bare(StatusCode::NOT_MODIFIED),
            Precondition::Failed => return self.bare(StatusCode::PRECONDITION_FAILED),
            Precondition::Met => {}
        }
        // Ranges apply to GET only (RFC 9110 §14.2).
        let ranged = !request.head && range_holds(request.headers, &self.facts.validators);
        let range = if ranged {
            requested_range(request.headers, self.facts.length)
        } else {
            RequestedRange::Whole
        };
        match range {
            RequestedRange::Whole if request.head => self.whole(None),
            RequestedRange::Whole => self.whole(Some(request.sendfile)),
            RequestedRange::Ranges(ranges) => match <[_; 1]>::try_from(ranges) {
                Ok([range]) => self.one(range),
                // Clients differ in whether they decode each part or the whole.
                Err(_) if self.facts.coding.is_some() => self.whole(Some(false)),
                Err(ranges) => self.several(&ranges),
            },
            RequestedRange::Unsatisfiable => {
                let total = format!("bytes */{}", self.facts.length);
                let res = self.bare(StatusCode::RANGE_NOT_SATISFIABLE)?;
                Ok(res.with_header(header::CONTENT_RANGE, total)?)
            }
        }
    }

    /// A response with the file's validators and no content.
    fn bare(&self, status: StatusCode) -> Result {
        let mut res = Response::new(status);
        let mut headers = res.headers_mut();
        if let Some(tag) = &self.facts.validators.tag {
            headers.insert(header::ETAG, tag)?;
        }
        if let Some(changed) = self.facts.validators.changed {
            headers.insert(header::LAST_MODIFIED, httpdate::fmt_http_date(changed))?;
        }
        if self.facts.varies {
            headers.insert(header::VARY, "accept-encoding")?;
        }
        Ok(res)
    }

    /// The same for a response with content.
    fn filled(&self, status: StatusCode) -> Result {
        let mut res = self.bare(status)?;
        let mut headers = res.headers_mut();
        headers.insert(header::ACCEPT_RANGES, "bytes")?;
        headers.insert(header::CONTENT_TYPE, &self.facts.media_type)?;
        if let Some(coding) = self.facts.coding {
            headers.insert(header::CONTENT_ENCODING, coding.name())?;
        }
        Ok(res)
    }

    /// The whole file; `sendfile` is none for a HEAD, which has no body.
    fn whole(self, sendfile: Option<bool>) -> Result {
        let mut res = self.filled(StatusCode::OK)?;
        res.headers_mut()
            .insert(header::CONTENT_LENGTH, self.facts.length.to_string())?;
        let Some(sendfile) = sendfile else {
            return Ok(res);
        };
        // The server in front makes its own headers: it would drop the coding, as nginx does, and make a tag of a
        // constant time.
        if sendfile && self.facts.coding.is_none() && self.facts.validators.tag.is_some() {
            sendfile::name(&mut res, &self.facts.path, self.facts.length)?;
        }
        let all = 0..self.facts.length;
        res.set_body(self.part(all));
        Ok(res)
    }

    fn one(self, range: Range<u64>) -> Result {
        let mut res = self.filled(StatusCode::PARTIAL_CONTENT)?;
        let mut headers = res.headers_mut();
        headers.insert(
            header::CONTENT_RANGE,
            content_range(&range, self.facts.length),
        )?;
        headers.insert(
            header::CONTENT_LENGTH,
            (range.end - range.start).to_string(),
        )?;
        res.set_body(self.part(range));
        Ok(res)
    }

    /// A range of it, which is within its length.
    fn part(self, range: Range<u64>) -> Body {
        match self.content {
            Content::Memory(content) => content
                .slice(range.start as usize..range.end as usize)
                .into(),
            Content::File(source) => {
                let (file, start) = (Arc::clone(&source.file), range.start);
                Body::new(FileBody::new(Some(source), [Piece::Range(range)])).with_file(file, start)
            }
        }
    }

    /// `multipart/byteranges` (RFC 9110 §14.6).
    fn several(self, ranges: &[Range<u64>]) -> Result {
        let mut res = self.filled(StatusCode::PARTIAL_CONTENT)?;
        let boundary = boundary();
        let mut pieces = Vec::with_capacity(2 * ranges.len() + 1);
        for (index, range) in ranges.iter().enumerate() {
            let before = if index == 0 { "" } else { "\r\n" };
            let media_type = &self.facts.media_type;
            let range_of = content_range(range, self.facts.length);
            let head = format!(
                "{before}--{boundary}\r\ncontent-type: {media_type}\r\ncontent-range: {range_of}\r\n\r\n"
            );
            pieces.push(Piece::Text(head.into()));
            pieces.push(match &self.content {
                Content::Memory(content) => {
                    Piece::Text(content.slice(range.start as usize..range.end as usize))
                }
                Content::File(_) => Piece::Range(range.clone()),
            });
        }
        let end = format!("\r\n--{boundary}--\r\n");
        pieces.push(Piece::Text(Bytes::from(end)));
        let source = match self.content {
            Content::Memory(_) => None,
            Content::File(source) => Some(source),
        };
        let body = FileBody::new(source, pieces);
        let mut headers = res.headers_mut();
        let media_type = format!("multipart/byteranges; boundary={boundary}");
        headers.insert(header::CONTENT_TYPE, media_type)?;
        headers.insert(header::CONTENT_LENGTH, body.length().to_string())?;
        res.set_body(Body::new(body));
        Ok(res)
    }
}

fn content_range(range: &Range<u64>, length: u64) -> String {
    format!(
        "bytes {}-{}/{length}",
        range.start,
        range.end.saturating_sub(1)
    )
}

/// A random boundary, which the author of a file can't guess.
fn boundary() -> String {
    // std seeds each of these with random bytes.
    let number = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", number(), number())
}
