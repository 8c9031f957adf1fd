//! A response made of a stored one (RFC 9111 §4).

use std::ops::Range;
use std::sync::Arc;

use cache_store::{Content, Entry, PIECE};
use http_cache::{
    CacheStatus, Fields, Precondition, RangeOutcome, Timestamp, describes_content, precondition,
    requested_range,
};
use stackup_plugin::header::{AGE, CONTENT_LENGTH, CONTENT_RANGE};
use stackup_plugin::{Body, Response, Result, StatusCode};

use crate::Entries;
use crate::body::{Pieces, Reader};
use crate::fill::Fill;

/// A stored response, or one that is just being stored.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) entry: Entry,
    /// The rest of its content, while it still comes.
    pub(crate) fill: Option<Arc<Fill>>,
}

/// What a client asks for.
#[derive(Debug)]
pub(crate) struct Asked<'a, F> {
    pub(crate) is_head: bool,
    pub(crate) fields: &'a F,
    pub(crate) now: Timestamp,
}

impl Answer {
    pub(crate) fn stored(entry: Entry) -> Self {
        Self { entry, fill: None }
    }

    /// The response to a request; `None` if its content is no longer there.
    pub(crate) async fn response(
        &self,
        asked: &Asked<'_, impl Fields>,
        entries: &Entries,
    ) -> Result<Option<Response>> {
        let Self { entry, fill } = self;
        let Some(fill) = fill else {
            return stored_response(entry, asked, entries).await;
        };
        if let Some(res) = not_modified(entry, asked)? {
            return Ok(Some(res));
        }
        let Some(reader) = Reader::join(fill) else {
            return Ok(None);
        };
        let status = StatusCode::from_u16(entry.status)?;
        let mut res = head(entry, status, entry.all(), asked.now)?;
        if !asked.is_head {
            res.set_body(Body::new(reader));
        }
        Ok(Some(res))
    }
}

/// The response to a request from a stored one; `None` if its content is no longer there.
pub(crate) async fn stored_response(
    entry: &Entry,
    asked: &Asked<'_, impl Fields>,
    entries: &Entries,
) -> Result<Option<Response>> {
    if let Some(res) = not_modified(entry, asked)? {
        return Ok(Some(res));
    }
    let received = entry.policy.received;
    let status = StatusCode::from_u16(entry.status)?;
    let length = entry.content.length();
    if asked.is_head {
        let mut res = head(entry, status, entry.all(), asked.now)?;
        res.headers_mut()
            .insert(CONTENT_LENGTH, length.to_string())?;
        return Ok(Some(res));
    }
    let range = match entry.status {
        200 => requested_range(asked.fields, entry, length, received),
        _ => RangeOutcome::Whole,
    };
    match range {
        RangeOutcome::Whole => {}
        RangeOutcome::Part { first, last } => {
            let label = format!("bytes {first}-{last}/{length}");
            return part_response(entry, asked, entries, first..last + 1, &label).await;
        }
        RangeOutcome::Unsatisfiable => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let fields = entry.all().filter(|(name, _)| !describes_content(name));
            let mut res = head(entry, status, fields, asked.now)?;
            let label = format!("bytes */{length}");
            res.headers_mut().insert(CONTENT_RANGE, label)?;
            return Ok(Some(res));
        }
    }
    let Some(body) = content(entries, &entry.content, 0, length).await? else {
        return Ok(None);
    };
    let mut res = head(entry, status, entry.all(), asked.now)?;
    res.set_body(body);
    Ok(Some(res))
}

/// A part of its content, which lies at `place` in it, as a 206; `None` if it is no longer there.
pub(crate) async fn part_response(
    entry: &Entry,
    asked: &Asked<'_, impl Fields>,
    entries: &Entries,
    place: Range<u64>,
    label: &str,
) -> Result<Option<Response>> {
    let body = content(entries, &entry.content, place.start, place.end).await?;
    let Some(body) = body else { return Ok(None) };
    let fields = entry.all().filter(|(name, _)| *name != "content-range");
    let mut res = head(entry, StatusCode::PARTIAL_CONTENT, fields, asked.now)?;
    res.headers_mut().insert(CONTENT_RANGE, label)?;
    res.set_body(body);
    Ok(Some(res))
}

/// The 304 to a request whose condition holds; `None` otherwise.
fn not_modified(entry: &Entry, asked: &Asked<'_, impl Fields>) -> Result<Option<Response>> {
    let received = entry.policy.received;
    match precondition(asked.fields, entry.status, entry, received) {
        Precondition::NotModified => {
            let fields = entry.all().filter(|(name, _)| !describes_content(name));
            head(entry, StatusCode::NOT_MODIFIED, fields, asked.now).map(Some)
        }
        _ => Ok(None),
    }
}

fn head<'a>(
    entry: &Entry,
    status: StatusCode,
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    now: Timestamp,
) -> Result<Response> {
    let mut res = Response::new(status);
    let mut headers = res.headers_mut();
    for (name, value) in fields {
        headers.append(name, value)?;
    }
    let mut digits = Digits::default();
    headers.insert(AGE, digits.of(entry.policy.age_seconds(now)))?;
    Ok(res)
}

/// A part of a stored body; `None` if it is gone.
async fn content(
    entries: &Entries,
    content: &Content,
    first: u64,
    end: u64,
) -> Result<Option<Body>> {
    match content {
        Content::Inline(bytes) => {
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            Ok(Some(bytes.slice(place(first)..place(end)).into()))
        }
        Content::Pieces { id, .. } => {
            // The head is still to be sent: if the engine has dropped the body, the response can come from below.
            let index = first / PIECE as u64;
            if entries.piece(id, index).await?.is_none() {
                return Ok(None);
            }
            let pieces = Pieces::new(entries.clone(), *id, first, end);
            Ok(Some(Body::new(pieces)))
        }
    }
}

/// A number in digits, without an allocation.
#[derive(Default)]
struct Digits([u8; 20]);

impl Digits {
    fn of(&mut self, mut number: u64) -> &[u8] {
        let mut at = self.0.len();
        loop {
            at -= 1;
            self.0[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
            if number == 0 {
                return &self.0[at..];
            }
        }
    }
}

/// Adds this cache's member of `cache-status`, after those of caches below (RFC 9211 §2).
pub(crate) fn add_status(
    res: &mut Response,
    name: Option<&str>,
    status: &CacheStatus,
) -> Result<()> {
    let Some(name) = name else { return Ok(()) };
    let mut text = String::with_capacity(64);
    status.write(name, &mut text)?;
    res.headers_mut().append("cache-status", text)?;
    Ok(())
}
