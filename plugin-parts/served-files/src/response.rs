//! The response to a request for a file.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use bytes::Bytes;
use stackup_plugin::{Body, Headers, Method, Request, Response, Result, StatusCode, header};

use crate::body::{FileBody, Piece};
use crate::conditions::{Verdict, range_holds, weigh};
use crate::folder::OpenFile;
use crate::ranges::{Wanted, wanted};
use crate::sendfile;

/// What of a request decides how a file answers it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub(crate) head: bool,
    pub(crate) headers: Headers<'a>,
    pub(crate) sendfile: bool,
}

impl<'a> Asked<'a> {
    /// Of this request, a `GET` or `HEAD`.
    pub fn of(req: &'a Request) -> Self {
        Self {
            head: req.method() == Method::HEAD,
            headers: req.headers(),
            sendfile: sendfile::is_offered(req),
        }
    }
}

impl OpenFile {
    /// The response: 200, 206, 304, 412 or 416.
    ///
    /// # Errors
    ///
    /// More headers than fit.
    pub fn answer(self, asked: Asked<'_>) -> Result {
        match weigh(asked.headers, &self.validators) {
            Verdict::NotModified => return self.bare(StatusCode::NOT_MODIFIED),
            Verdict::Failed => return self.bare(StatusCode::PRECONDITION_FAILED),
            Verdict::Go => {}
        }
        // A range is of GET alone (RFC 9110 §14.2).
        let ranged = !asked.head && range_holds(asked.headers, &self.validators);
        let wanted = if ranged {
            wanted(asked.headers, self.length)
        } else {
            Wanted::All
        };
        match wanted {
            Wanted::All if asked.head => self.whole(None),
            Wanted::All => self.whole(Some(asked.sendfile)),
            Wanted::Ranges(ranges) => match <[_; 1]>::try_from(ranges) {
                Ok([range]) => self.one(range),
                // Is it the parts that are encoded, or the whole that they make? Clients differ.
                Err(_) if self.coding.is_some() => self.whole(Some(false)),
                Err(ranges) => self.several(&ranges),
            },
            Wanted::Nothing => {
                let total = format!("bytes */{}", self.length);
                let res = self.bare(StatusCode::RANGE_NOT_SATISFIABLE)?;
                Ok(res.with_header(header::CONTENT_RANGE, total)?)
            }
        }
    }

    /// A response that tells the state of the file, and has nothing of it.
    fn bare(&self, status: StatusCode) -> Result {
        let mut res = Response::new(status);
        let mut headers = res.headers_mut();
        headers.insert(header::ETAG, &self.validators.tag)?;
        if let Some(changed) = self.validators.changed {
            headers.insert(header::LAST_MODIFIED, httpdate::fmt_http_date(changed))?;
        }
        if self.varies {
            headers.insert(header::VARY, "accept-encoding")?;
        }
        Ok(res)
    }

    /// The same for what has something of it.
    fn filled(&self, status: StatusCode) -> Result {
        let mut res = self.bare(status)?;
        let mut headers = res.headers_mut();
        headers.insert(header::ACCEPT_RANGES, "bytes")?;
        headers.insert(header::CONTENT_TYPE, &self.media_type)?;
        if let Some(coding) = self.coding {
            headers.insert(header::CONTENT_ENCODING, coding.name())?;
        }
        Ok(res)
    }

    /// All of it; without the body where there is nothing to say about `sendfile`.
    fn whole(self, sendfile: Option<bool>) -> Result {
        let mut res = self.filled(StatusCode::OK)?;
        res.headers_mut()
            .insert(header::CONTENT_LENGTH, self.length.to_string())?;
        let Some(sendfile) = sendfile else {
            return Ok(res);
        };
        // The server in front would not know that the file is encoded: nginx drops what says so.
        if sendfile && self.coding.is_none() {
            sendfile::name(&mut res, &self.path, self.length)?;
        }
        let read = self.start.len() as u64;
        // Most files are in memory already.
        if read == self.length {
            res.set_body(self.start);
        } else {
            let pieces = [Piece::Text(self.start), Piece::Range(read..self.length)];
            res.set_body(Body::new(FileBody::new(self.file, pieces)));
        }
        Ok(res)
    }

    fn one(self, range: Range<u64>) -> Result {
        let mut res = self.filled(StatusCode::PARTIAL_CONTENT)?;
        let mut headers = res.headers_mut();
        headers.insert(header::CONTENT_RANGE, content_range(&range, self.length))?;
        headers.insert(
            header::CONTENT_LENGTH,
            (range.end - range.start).to_string(),
        )?;
        res.set_body(Body::new(FileBody::new(self.file, [Piece::Range(range)])));
        Ok(res)
    }

    /// `multipart/byteranges` (RFC 9110 §14.6).
    fn several(self, ranges: &[Range<u64>]) -> Result {
        let mut res = self.filled(StatusCode::PARTIAL_CONTENT)?;
        let boundary = boundary();
        let mut pieces = Vec::with_capacity(2 * ranges.len() + 1);
        for (index, range) in ranges.iter().enumerate() {
            let before = if index == 0 { "" } else { "\r\n" };
            let media_type = &self.media_type;
            let range_of = content_range(range, self.length);
            let head = format!(
                "{before}--{boundary}\r\ncontent-type: {media_type}\r\ncontent-range: {range_of}\r\n\r\n"
            );
            pieces.push(Piece::Text(head.into()));
            pieces.push(Piece::Range(range.clone()));
        }
        let end = format!("\r\n--{boundary}--\r\n");
        pieces.push(Piece::Text(Bytes::from(end)));
        let body = FileBody::new(self.file, pieces);
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

/// What is in no file: whoever writes one must not know it.
fn boundary() -> String {
    // std seeds each of these from the system.
    let number = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", number(), number())
}
