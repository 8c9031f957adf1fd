//! The rule behind a decision: where it is written, and in a few words what it says.

use std::fmt;

/// A rule of a specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// `RFC 9111 §5.2.2.5`, or `config` for a choice of this cache.
    pub section: &'static str,
    /// What it says, for people.
    pub text: &'static str,
}

impl Rule {
    pub(crate) const fn new(section: &'static str, text: &'static str) -> Self {
        Self { section, text }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.section)
    }
}
