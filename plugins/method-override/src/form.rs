//! A field of a form.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use multer::Multipart;
use stackup_plugin::header::CONTENT_TYPE;
use stackup_plugin::{Body, Request, Result};

use crate::peek::LookedAt;

/// A form in a request's body.
pub(crate) enum Form {
    /// `application/x-www-form-urlencoded`.
    Pairs,
    /// `multipart/form-data`, with its boundary.
    Parts(String),
}

impl Form {
    /// The form of a request, if it has one.
    pub(crate) fn of(req: &Request) -> Option<Self> {
        let kind = req.header(CONTENT_TYPE)?;
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Some(Self::Pairs);
        }
        multer::parse_boundary(kind).ok().map(Self::Parts)
    }

    /// Looks for the first field of this name in the first `most` bytes of a body, no further than
    /// it must; returns what it found, and the body as it was.
    ///
    /// # Errors
    ///
    /// The outer one is that of the body, the inner one that of what is in it.
    pub(crate) async fn find(
        self,
        name: &str,
        body: Body,
        most: usize,
    ) -> Result<(multer::Result<Option<String>>, Body)> {
        let mut body = LookedAt::new(body, most);
        let found = match self {
            Self::Pairs => Ok(pair(name, &mut body).await),
            Self::Parts(boundary) => part(name, boundary, &mut body).await,
        };
        Ok((found, body.into_body()?))
    }
}

async fn pair(name: &str, body: &mut LookedAt) -> Option<String> {
    let mut text = Vec::new();
    while let Some(Ok(chunk)) = poll_fn(|cx| Pin::new(&mut *body).poll_next(cx)).await {
        let end = chunk.iter().rposition(|byte| *byte == b'&');
        let end = end.map(|end| text.len() + end);
        text.extend_from_slice(&chunk);
        // The last pair may go on in the next chunk; those before it are done with.
        if let Some(end) = end {
            if let Some(value) = value(name, &text[..end]) {
                return Some(value);
            }
            text.drain(..=end);
        }
    }
    // Of a form that was not read to its end nobody knows where it goes on.
    body.is_all().then(|| value(name, &text))?
}

fn value(name: &str, pairs: &[u8]) -> Option<String> {
    let mut pairs = form_urlencoded::parse(pairs);
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

async fn part(name: &str, boundary: String, body: &mut LookedAt) -> multer::Result<Option<String>> {
    let mut parts = Multipart::new(body, boundary);
    while let Some(part) = parts.next_field().await? {
        if part.name() == Some(name) {
            return part.text().await.map(Some);
        }
    }
    Ok(None)
}
