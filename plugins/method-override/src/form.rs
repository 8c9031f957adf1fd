//! A field of a form.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use multer::Multipart;
use stackup_plugin::header::CONTENT_TYPE;
use stackup_plugin::{Body, Request, Result};

use crate::growing::Growing;
use crate::peek::Peek;

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

    /// Finds the first field with this name in the first `most` bytes of a body, and reads no more than needed.
    /// Returns the field's value and the complete body.
    ///
    /// # Errors
    ///
    /// The outer one is the body's, the inner one is about its content.
    pub(crate) async fn find(
        self,
        name: &str,
        body: Body,
        most: usize,
    ) -> Result<(multer::Result<Option<String>>, Body)> {
        let mut body = Peek::new(body, most);
        let found = match self {
            Self::Pairs => Ok(pair(name, &mut body).await),
            Self::Parts(boundary) => part(name, boundary, &mut body).await,
        };
        Ok((found, body.into_body()?))
    }
}

async fn pair(name: &str, body: &mut Peek) -> Option<String> {
    let mut text = Vec::new();
    while let Some(Ok(chunk)) = poll_fn(|cx| Pin::new(&mut *body).poll_next(cx)).await {
        let end = chunk.iter().rposition(|byte| *byte == b'&');
        let end = end.map(|end| text.len() + end);
        text.extend_from_slice(&chunk);
        // The last pair may continue in the next chunk; those before it are complete.
        if let Some(end) = end {
            if let Some(value) = value(name, &text[..end]) {
                return Some(value);
            }
            text.drain(..=end);
        }
    }
    // If the form was cut off, its last pair may be incomplete.
    body.is_all().then(|| value(name, &text))?
}

fn value(name: &str, pairs: &[u8]) -> Option<String> {
    let mut pairs = form_urlencoded::parse(pairs);
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

async fn part(name: &str, boundary: String, body: &mut Peek) -> multer::Result<Option<String>> {
    let mut parts = Multipart::new(Growing::new(body), boundary);
    while let Some(part) = parts.next_field().await? {
        if part.name() == Some(name) {
            return part.text().await.map(Some);
        }
    }
    Ok(None)
}
