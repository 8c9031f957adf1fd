//! A message about the manifest: what is wrong, where, and how to fix it.

use std::fmt;
use std::ops::Range;

/// A byte range of the manifest's text.
pub type Span = Range<usize>;

/// How serious a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The manifest cannot be served.
    Error,
    /// The manifest can be served, but probably does not do what its author meant.
    Warning,
}

/// A message that points into the manifest.
///
/// Other modules build them too, for instance if a plugin is missing or rejects its config.
///
/// ```
/// use stackup::load::manifest::{Diagnostic, Source};
///
/// let source = Source { path: "config.ru.toml".into(), text: "run = \"helo\"\n".into() };
/// let diagnostic = Diagnostic::error(6..12, "no plugin is called `helo`")
///     .label("not found")
///     .help("did you mean `hello`?");
/// assert_eq!(
///     diagnostic.render(&source, false),
///     "\
/// error: no plugin is called `helo`
///  --> config.ru.toml:1:7
///   |
/// 1 | run = \"helo\"
///   |       ^^^^^^ not found
///   |
///   = help: did you mean `hello`?"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How serious it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// The underlined text.
    pub span: Span,
    /// A few words beside the underline; may be empty.
    pub label: String,
    /// Other relevant places, each with a label.
    pub also: Vec<(Span, String)>,
    /// Why it is wrong.
    pub note: Option<String>,
    /// How to fix it.
    pub help: Option<String>,
    /// Whether the underlined value is a secret: it is not quoted.
    pub secret: bool,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, span, message.into())
    }

    /// A warning at `span`.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, span, message.into())
    }

    fn new(severity: Severity, span: Span, message: String) -> Self {
        Self {
            severity,
            message,
            span,
            label: String::new(),
            also: Vec::new(),
            note: None,
            help: None,
            secret: false,
        }
    }

    /// Sets the label beside the underline.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Underlines a second place, such as the first of two.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }

    /// Adds the reason.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Adds the fix.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the manifest cannot be served because of this.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The message alone, for a log line; [`Diagnostic::render`] shows the place.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
