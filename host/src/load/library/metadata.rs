//! A plugin's metadata, from the section `.stackup`.
//!
//! UTF-8 lines `key=value\n`, optionally followed by NULs. The first line is `stackup-plugin=1`. Unknown
//! keys are ignored, so that newer plugins can add some.

use std::fmt;
use std::str::Utf8Error;

use super::Embedded;

/// The only format this host reads.
const FORMAT: &str = "1";

/// A plugin's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The version of stackup-plugin it was built against.
    pub abi: String,
    /// Its name: letters, digits, `-` and `_`.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// One line for display; may be empty.
    pub description: String,
    /// The compiler, as `rustc --version` prints it.
    pub rustc: String,
    /// Its panic strategy.
    pub panic: Panic,
    /// How it was built: `debug` or `release`.
    pub profile: String,
    /// Its exported handlers: at least one, with unique names.
    pub handlers: Vec<HandlerInfo>,
    /// The database engine that is compiled in; the library's code says so, not the section.
    pub embedded: Option<Embedded>,
}

/// A panic strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panic {
    /// A panic can be caught.
    Unwind,
    /// A panic ends the process.
    Abort,
}

/// An app or middleware that a plugin exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerInfo {
    /// App or middleware.
    pub kind: HandlerKind,
    /// Its name in the plugin.
    pub name: String,
}

/// The two things a plugin can export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlerKind {
    /// Answers a request.
    App,
    /// Answers a request with the help of the next.
    Middleware,
}

impl fmt::Display for HandlerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::App => "app",
            Self::Middleware => "middleware",
        })
    }
}

/// Metadata that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The section is empty.
    #[error("its metadata is empty")]
    Empty,
    /// Not UTF-8.
    #[error("its metadata is not UTF-8: {0}")]
    NotUtf8(#[from] Utf8Error),
    /// A truncated line, or bytes after the padding.
    #[error("its metadata does not end with a whole line")]
    CutOff,
    /// A newer format, or none.
    #[error(
        "its metadata starts with {found:?}, this stackup reads only `stackup-plugin={FORMAT}`: \
         rebuild the plugin with the stackup-plugin that goes with this stackup"
    )]
    Format {
        /// The first line.
        found: String,
    },
    /// Not `key=value`, or with control characters.
    #[error("line {number} of its metadata, {line:?}, is not `key=value`")]
    Line {
        /// Counted from 1.
        number: usize,
        /// The line.
        line: String,
    },
    /// A required key is missing.
    #[error("its metadata has no `{0}`")]
    Missing(&'static str),
    /// A key occurs twice.
    #[error("its metadata has `{0}` twice: is `stackup_plugin::export!` called more than once?")]
    Twice(String),
    /// A value that is not allowed.
    #[error("its metadata says `{key}={value}`, where {expected} is expected")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// No `handler` line.
    #[error("it exports no app and no middleware")]
    NoHandlers,
}

impl Metadata {
    /// Parses the section's content.
    ///
    /// # Errors
    ///
    /// When it does not follow the format.
    pub fn parse(section: &[u8]) -> Result<Self, MetadataError> {
        let end = section
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |last| last + 1);
        let text = std::str::from_utf8(&section[..end])?;
        if text.is_empty() {
            return Err(MetadataError::Empty);
        }
        let (first, rest) = text.split_once('\n').ok_or(MetadataError::CutOff)?;
        if first.strip_prefix("stackup-plugin=") != Some(FORMAT) {
            return Err(MetadataError::Format {
                found: first.to_owned(),
            });
        }
        let rest = rest.strip_suffix('\n').ok_or(MetadataError::CutOff)?;
        Pairs::read(rest)?.into_metadata()
    }

    /// Whether it is a debug build.
    #[must_use]
    pub fn is_debug(&self) -> bool {
        self.profile == "debug"
    }
}

/// The lines after the first, in order.
struct Pairs<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Pairs<'a> {
    fn read(lines: &'a str) -> Result<Self, MetadataError> {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for (number, line) in (2..).zip(lines.split('\n')) {
            let pair = line.split_once('=').filter(|(key, _)| !key.is_empty());
            // Control characters could manipulate the terminal of a user who inspects the file.
            let Some((key, value)) = pair.filter(|_| !line.contains(char::is_control)) else {
                return Err(MetadataError::Line {
                    number,
                    line: line.to_owned(),
                });
            };
            let repeats = key != "handler" && pairs.iter().any(|(known, _)| *known == key);
            if key == "stackup-plugin" || (repeats && is_known(key)) {
                return Err(MetadataError::Twice(key.to_owned()));
            }
            pairs.push((key, value));
        }
        Ok(Self(pairs))
    }

    fn into_metadata(self) -> Result<Metadata, MetadataError> {
        let name = self.one("name")?;
        check_name("name", name, name, "a name of letters, digits, `-` and `_`")?;
        Ok(Metadata {
            abi: self.filled("abi")?,
            name: name.to_owned(),
            version: self.filled("version")?,
            description: self.one("description")?.to_owned(),
            rustc: self.filled("rustc")?,
            panic: match self.one("panic")? {
                "unwind" => Panic::Unwind,
                "abort" => Panic::Abort,
                other => return Err(bad("panic", other, "`unwind` or `abort`")),
            },
            profile: match self.one("profile")? {
                profile @ ("debug" | "release") => profile.to_owned(),
                other => return Err(bad("profile", other, "`debug` or `release`")),
            },
            handlers: self.handlers()?,
            embedded: None,
        })
    }

    fn one(&self, key: &'static str) -> Result<&'a str, MetadataError> {
        let pair = self.0.iter().find(|(known, _)| *known == key);
        pair.map(|(_, value)| *value)
            .ok_or(MetadataError::Missing(key))
    }

    fn filled(&self, key: &'static str) -> Result<String, MetadataError> {
        match self.one(key)? {
            "" => Err(bad(key, "", "a text")),
            value => Ok(value.to_owned()),
        }
    }

    fn handlers(&self) -> Result<Vec<HandlerInfo>, MetadataError> {
        let mut handlers: Vec<HandlerInfo> = Vec::new();
        for (_, value) in self.0.iter().filter(|(key, _)| *key == "handler") {
            let handler = read_handler(value)?;
            if handlers.iter().any(|known| known.name == handler.name) {
                return Err(MetadataError::Twice(format!("handler={value}")));
            }
            handlers.push(handler);
        }
        if handlers.is_empty() {
            Err(MetadataError::NoHandlers)
        } else {
            Ok(handlers)
        }
    }
}

fn read_handler(value: &str) -> Result<HandlerInfo, MetadataError> {
    let (kind, name) = match value.split_once(' ') {
        Some(("app", name)) => (HandlerKind::App, name),
        Some(("middleware", name)) => (HandlerKind::Middleware, name),
        _ => return Err(bad("handler", value, "`app NAME` or `middleware NAME`")),
    };
    check_name("handler", name, value, "`app NAME` or `middleware NAME`")?;
    Ok(HandlerInfo {
        kind,
        name: name.to_owned(),
    })
}

fn is_known(key: &str) -> bool {
    [
        "abi",
        "name",
        "version",
        "description",
        "rustc",
        "panic",
        "profile",
    ]
    .contains(&key)
}

/// A plugin's name becomes part of a file name, so it must have no characters with a meaning in paths.
fn check_name(
    key: &'static str,
    name: &str,
    value: &str,
    expected: &'static str,
) -> Result<(), MetadataError> {
    let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(bad(key, value, expected));
    }
    Ok(())
}

fn bad(key: &'static str, value: &str, expected: &'static str) -> MetadataError {
    MetadataError::Value {
        key,
        value: value.to_owned(),
        expected,
    }
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
