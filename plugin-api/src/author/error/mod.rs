//! Why a request, an `init` or a body failed.

mod convert;

use std::fmt;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::{AsName, AsValue, InvalidHeader};

/// The result of a handler: a [`Response`](crate::Response) or an [`Error`].
pub type Result<T = crate::Response, E = Error> = std::result::Result<T, E>;

/// An error of a handler.
///
/// `?` converts anything into one that becomes a boxed error: any [`std::error::Error`], `anyhow::Error`, `Box<dyn Error + Send + Sync>`,
/// or text. An `Error` that another crate has passed on is found again among the causes: it keeps its status and headers.
///
/// ```
/// use stackup_plugin::{Error, Result, StatusCode};
///
/// fn claims(token: Option<&str>) -> Result<&str> {
///     let Some(token) = token else {
///         return Err(Error::new(StatusCode::UNAUTHORIZED, "no token").with_header("www-authenticate", "Bearer")?);
///     };
///     Ok(token.split('.').nth(1).ok_or("the token has no claims")?)
/// }
///
/// let error = claims(None).unwrap_err();
/// assert_eq!((error.status(), error.header("www-authenticate")), (StatusCode::UNAUTHORIZED, Some("Bearer")));
/// assert_eq!(claims(Some("token")).unwrap_err().message(), "the token has no claims");
/// ```
pub struct Error(Box<Parts>);

struct Parts {
    kind: Kind,
    status: StatusCode,
    message: String,
    place: String,
    handler: String,
    headers: HeaderMap,
}

/// The headers that an error can't have: who answers with it sets them.
pub(crate) const DESCRIBES_BODY: [HeaderName; 4] = [
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    TRANSFER_ENCODING,
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Handler,
    Panic,
    Config,
    Body,
}

impl Error {
    /// An error with this status for the client. The client sees the message only in development.
    pub fn new(status: StatusCode, message: impl fmt::Display) -> Self {
        let (place, handler) = Default::default();
        Self::from_parts(Kind::Handler, status, message.to_string(), place, handler)
    }

    /// An error with status 500.
    pub fn msg(message: impl fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// An invalid config value. `path` is its key, such as `users[2].name`, or empty for the whole config.
    pub fn config(path: impl Into<String>, message: impl fmt::Display) -> Self {
        let mut error = Self::msg(message);
        error.0.kind = Kind::Config;
        error.0.place = path.into();
        error
    }

    pub(crate) fn panic(message: String, place: String) -> Self {
        let mut error = Self::msg(message);
        error.0.kind = Kind::Panic;
        error.0.place = place;
        error
    }

    pub(crate) fn body(status: StatusCode, message: impl fmt::Display) -> Self {
        let mut error = Self::new(status, message);
        error.0.kind = Kind::Body;
        error
    }

    pub(crate) fn from_parts(
        kind: Kind,
        status: StatusCode,
        message: String,
        place: String,
        handler: String,
    ) -> Self {
        Self(Box::new(Parts {
            kind,
            status,
            message,
            place,
            handler,
            headers: HeaderMap::new(),
        }))
    }

    /// The same error with another status for the client.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// The same error with this status, unless one of its causes has a status already: for what another crate makes of a request, such as a
    /// parser (400) or a client (502). A body that is too long stays 413.
    ///
    /// ```
    /// use stackup_plugin::{Error, StatusCode};
    ///
    /// let bad = |error: std::io::Error| Error::from(error).or_status(StatusCode::BAD_REQUEST);
    /// assert_eq!(bad(std::io::Error::other("no boundary")).status(), StatusCode::BAD_REQUEST);
    ///
    /// let gone = Error::new(StatusCode::GONE, "it was here").into_std();
    /// assert_eq!(bad(std::io::Error::other(gone)).status(), StatusCode::GONE);
    /// ```
    #[must_use]
    pub fn or_status(self, status: StatusCode) -> Self {
        let is_known = self.is_panic() || self.0.status != StatusCode::INTERNAL_SERVER_ERROR;
        if is_known {
            self
        } else {
            self.with_status(status)
        }
    }

    /// The same error with a header for the client, such as `www-authenticate` or `retry-after`. It replaces one of the same name.
    ///
    /// # Errors
    ///
    /// The name or the value is not valid in a header, or the header describes a body, which an error has not.
    pub fn with_header(
        mut self,
        name: impl AsName,
        value: impl AsValue,
    ) -> Result<Self, InvalidHeader> {
        let (name, value) = (name.as_name(), value.as_value());
        let field = HeaderName::from_bytes(name.as_bytes()).ok();
        // The body of the answer is not the error's.
        let Some(field) = field.filter(|field| !DESCRIBES_BODY.contains(field)) else {
            return Err(InvalidHeader::name(name));
        };
        let Ok(value) = HeaderValue::from_bytes(value) else {
            return Err(InvalidHeader::value(name));
        };
        self.0.headers.insert(field, value);
        Ok(self)
    }

    /// The headers for the client.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The first value of a header for the client, if it is visible ASCII.
    pub fn header(&self, name: impl AsName) -> Option<&str> {
        self.0.headers.get(name.as_name())?.to_str().ok()
    }

    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.0.headers
    }

    /// The status for the client, unless a middleware turns the error into a response.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The message, including its causes.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether a handler panicked.
    pub fn is_panic(&self) -> bool {
        self.0.kind == Kind::Panic
    }

    /// The handler that the error came from; empty if it is this handler's own.
    pub fn handler(&self) -> &str {
        &self.0.handler
    }

    /// The source location of a panic, or the key of a config value; may be empty.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("status", &self.0.status)
            .field("message", &self.0.message)
            .field("place", &self.0.place)
            .field("handler", &self.0.handler)
            .field("headers", &self.0.headers)
            .finish()
    }
}
