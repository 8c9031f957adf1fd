//! Why a request, an `init` or a body failed.

use std::any::Any;
use std::fmt;

use http::StatusCode;

use super::store::StoreError;

/// The result of a handler: a [`Response`](crate::Response) or an [`Error`].
pub type Result<T = crate::Response, E = Error> = std::result::Result<T, E>;

/// An error of a handler. `?` converts any [`std::error::Error`] into one.
pub struct Error(Box<Parts>);

struct Parts {
    kind: Kind,
    status: StatusCode,
    message: String,
    place: String,
    handler: String,
}

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
        }))
    }

    /// The same error with another status for the client.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
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

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Many errors already include the text of their cause.
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            source = cause.source();
        }
        let status = (&error as &dyn Any).downcast_ref::<StoreError>();
        let status = status.map_or(StatusCode::INTERNAL_SERVER_ERROR, StoreError::status);
        Self::new(status, message)
    }
}

/// For crates that take any [`std::error::Error`]. This type can't implement it, since it has `From` for
/// all of them.
impl From<Error> for Box<dyn std::error::Error + Send + Sync> {
    fn from(error: Error) -> Self {
        error.0.message.into()
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
            .finish()
    }
}
