//! One event, as it is written (HTML §9.2.5).

use std::fmt::{self, Display};
use std::time::Duration;

use serde::Serialize;

use crate::{Error, Result};

/// A server-sent event.
///
/// ```
/// # use stackup_plugin::events::Event;
/// let event = Event::data("two\nlines").with_id(7)?.with_type("news")?;
/// assert_eq!(event.to_string(), "event: news\nid: 7\ndata: two\ndata: lines\n\n");
/// # Ok::<_, stackup_plugin::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event(String);

impl Event {
    /// An event with this text, which may have several lines. A browser gets each line end, CR and CRLF too, as LF.
    pub fn data(text: impl AsRef<str>) -> Self {
        let mut lines = String::new();
        for line in text.as_ref().replace("\r\n", "\n").split(['\n', '\r']) {
            for part in ["data: ", line, "\n"] {
                lines.push_str(part);
            }
        }
        Self(lines)
    }

    /// An event with a value as JSON.
    ///
    /// # Errors
    ///
    /// It can't be JSON, such as a map whose keys are no text.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Ok(Self::data(serde_json::to_string(value)?))
    }

    /// An id without data: the page gets nothing, but its browser knows where it is in the stream before the first event comes.
    ///
    /// # Errors
    ///
    /// Same as [`with_id`](Self::with_id).
    pub fn only_id(id: impl Display) -> Result<Self> {
        Self(String::new()).with_id(id)
    }

    /// Its id, which a browser that connects again says in [`Request::last_event_id`](crate::Request::last_event_id).
    ///
    /// # Errors
    ///
    /// It has a line end, or a NUL, for which browsers would ignore it.
    pub fn with_id(self, id: impl Display) -> Result<Self> {
        let id = id.to_string();
        if id.contains('\0') {
            let message = format!("the id {id:?} of an event has a NUL: browsers ignore it");
            return Err(Error::msg(message));
        }
        self.with_field("id", &id)
    }

    /// Its type: the name that a page passes to `addEventListener`. Without it, `onmessage` gets the event.
    ///
    /// # Errors
    ///
    /// It has a line end.
    pub fn with_type(self, name: &str) -> Result<Self> {
        self.with_field("event", name)
    }

    fn with_field(self, name: &str, value: &str) -> Result<Self> {
        // What follows a line end would be a field of its own.
        if value.contains(['\n', '\r']) {
            let message =
                format!("the field `{name}` of an event can't be {value:?}: it is one line");
            return Err(Error::msg(message));
        }
        Ok(Self(format!("{name}: {value}\n{}", self.0)))
    }

    /// Its lines, and the empty one that ends it.
    pub(super) fn into_block(mut self) -> String {
        self.0.push('\n');
        self.0
    }
}

/// What says how long a browser waits before it connects again.
pub(super) fn retry(time: Duration) -> String {
    format!("retry: {}\n\n", time.as_millis())
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.0)
    }
}

/// The text is its data.
impl From<&str> for Event {
    fn from(text: &str) -> Self {
        Self::data(text)
    }
}

/// The text is its data.
impl From<String> for Event {
    fn from(text: String) -> Self {
        Self::data(text)
    }
}
