//! The rules of SPEC.md that can be checked from outside a handler.
//!
//! Pure functions on plain types. The host checks between its layers with them, the plugin `lint` wherever it
//! stands in the stack.

#![forbid(unsafe_code)]

mod digest;
mod frames;
mod kind;
mod request;
mod response;
mod shape;
mod tasks;

use std::fmt;

pub use self::digest::{BodyDigest, check_buffering};
pub use self::frames::FrameChecker;
pub use self::kind::Kind;
pub use self::request::RequestHead;
pub use self::response::{ResponseHead, parse_content_length};
pub use self::shape::{Shape, check_shape};
pub use self::tasks::check_task_pile_up;

/// A broken rule, and how it was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The kind, which names the rule.
    pub kind: Kind,
    /// Which of several of one kind, if there may be several.
    pub subject: String,
    /// What was observed.
    pub message: String,
}

impl Violation {
    /// Creates a violation.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self::of(kind, String::new(), message.into())
    }

    /// The same, of one of several subjects: each is reported.
    pub fn of(kind: Kind, subject: String, message: String) -> Self {
        Self {
            kind,
            subject,
            message,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rule, help) = (self.kind.rule(), self.kind.help());
        write!(f, "{rule}: {}; {help}", self.message)
    }
}
