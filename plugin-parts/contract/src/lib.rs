//! The rules of SPEC.md that can be seen from outside of a handler, decided from facts.
//!
//! Pure, and on plain types: the host looks between its layers with it, the plugin `lint` wherever it stands.

#![forbid(unsafe_code)]

mod digest;
mod frames;
mod kind;
mod request;
mod response;
mod tasks;

use std::fmt;

pub use self::digest::{Print, held_back};
pub use self::frames::Flow;
pub use self::kind::Kind;
pub use self::request::Asked;
pub use self::response::{Answered, promised};
pub use self::tasks::piled_up;

/// A rule that was not kept, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offence {
    /// Of what kind: it names the rule.
    pub kind: Kind,
    /// What was seen.
    pub message: String,
}

impl Offence {
    /// One of this kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rule, help) = (self.kind.rule(), self.kind.help());
        write!(f, "{rule}: {}; {help}", self.message)
    }
}
