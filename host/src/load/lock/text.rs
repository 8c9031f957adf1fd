//! The lock's text format: TOML, identical for identical libraries.

use std::fmt;

use log_text::one_line;
use serde::{Deserialize, Serialize};

use super::{Lock, LockedLibrary};

/// The only format this program reads and writes.
const VERSION: i64 = 1;

const HEAD: &str = "# The libraries that `stackup --locked` may load, by their content. \
                    `stackup lock` writes this file.\n";

/// Why a text is not a valid lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Not TOML, or not a lock's keys.
    #[error("line {line}: {message}")]
    Malformed {
        /// Counts from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// Another version of the format.
    #[error("its version is {0}, but this stackup reads version {VERSION}")]
    Version(i64),
    /// An invalid fingerprint.
    #[error("the `sha256` of `{plugin}` is invalid: {message}")]
    Fingerprint {
        /// The plugin's name.
        plugin: String,
        /// What is wrong with it.
        message: String,
    },
}

#[derive(Deserialize)]
struct Versioned {
    version: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: i64,
    #[serde(default)]
    plugin: Vec<Plugin>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plugin {
    name: String,
    version: String,
    abi: String,
    sha256: String,
}

/// Parses the text of a lock.
///
/// # Errors
///
/// The first mistake in it.
pub fn parse(text: &str) -> Result<Lock, TextError> {
    let malformed = |error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        TextError::Malformed {
            line: before.matches('\n').count() + 1,
            message: one_line(error.message()).into_owned(),
        }
    };
    // The version first: other versions may have other keys.
    let Versioned { version } = toml::from_str(text).map_err(malformed)?;
    if version != VERSION {
        return Err(TextError::Version(version));
    }
    let document: Document = toml::from_str(text).map_err(malformed)?;
    let locked = document.plugin.into_iter().map(|plugin| {
        let Plugin {
            name,
            version,
            abi,
            sha256,
        } = plugin;
        match sha256.parse() {
            Ok(sha256) => Ok(LockedLibrary {
                plugin: name,
                sha256,
                abi,
                version,
            }),
            Err(error) => Err(TextError::Fingerprint {
                plugin: one_line(&name).into_owned(),
                message: format!("{error}"),
            }),
        }
    });
    Ok(Lock(locked.collect::<Result<_, _>>()?))
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugin = self.0.iter().cloned().map(|locked| Plugin {
            name: locked.plugin,
            version: locked.version,
            abi: locked.abi,
            sha256: locked.sha256.to_string(),
        });
        let document = Document {
            version: VERSION,
            plugin: plugin.collect(),
        };
        let text = toml::to_string(&document).map_err(|_| fmt::Error)?;
        write!(f, "{HEAD}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::library::Fingerprint;

    fn locked(plugin: &str, content: &str) -> LockedLibrary {
        LockedLibrary {
            plugin: plugin.to_owned(),
            sha256: Fingerprint::of(content.as_bytes()),
            abi: "0.1.0".to_owned(),
            version: "2.0.0".to_owned(),
        }
    }

    #[test]
    fn text_is_sorted_and_round_trips() {
        let one = Lock([locked("hello", "abc"), locked("auth", "x")].into());
        let other = Lock([locked("auth", "x"), locked("hello", "abc")].into());
        let text = one.to_string();
        assert_eq!(text, other.to_string());
        assert_eq!(parse(&text).unwrap(), one);
        assert_eq!(
            text,
            "# The libraries that `stackup --locked` may load, by their content. `stackup lock` \
             writes this file.
version = 1

[[plugin]]
name = \"auth\"
version = \"2.0.0\"
abi = \"0.1.0\"
sha256 = \"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\"

[[plugin]]
name = \"hello\"
version = \"2.0.0\"
abi = \"0.1.0\"
sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"
"
        );
    }

    #[test]
    fn unusual_values_are_quoted_and_an_empty_lock_is_valid() {
        let mut odd = locked("a", "x");
        odd.version = "1.0 \"\n# é".to_owned();
        let lock = Lock([odd].into());
        assert_eq!(parse(&lock.to_string()).unwrap(), lock);
        let none = Lock::default();
        assert_eq!(parse(&none.to_string()).unwrap(), none);
    }

    #[test]
    fn plugin_may_have_several_libraries() {
        let lock = Lock([locked("a", "x"), locked("a", "y"), locked("b", "z")].into());
        let mut both = [Fingerprint::of(b"x"), Fingerprint::of(b"y")];
        both.sort();
        assert_eq!(lock.fingerprints("a"), both);
        assert!(lock.fingerprints("c").is_empty());
    }

    #[track_caller]
    fn refuses(text: &str, reason: &str) {
        assert_eq!(parse(text).unwrap_err().to_string(), reason);
    }

    #[test]
    fn parse_error_names_the_place() {
        refuses("", "line 1: missing field `version`");
        refuses(
            "version = 2\nlibraries = []\n",
            "its version is 2, but this stackup reads version 1",
        );
        refuses(
            "version = 1\n\n[[plugin]]\nname = \"a\"\n",
            "line 3: missing field `version`",
        );
        refuses(
            "version = 1\nplugins = []\n",
            "line 2: unknown field `plugins`, expected `version` or `plugin`",
        );
        let text = Lock([locked("hello", "abc")].into()).to_string();
        refuses(
            &text.replace("ba7816", ""),
            "the `sha256` of `hello` is invalid: a SHA-256 has 64 hexadecimal digits, as `sha256sum` \
             prints them; this has 58 characters",
        );
        refuses(
            "version = 1\n\"\\u009b2J\" = 1\n",
            "line 2: unknown field `\\u{9b}2J`, expected `version` or `plugin`",
        );
        refuses(
            &text.replace("ba7816", "").replace("\"hello", "\"\\u001bc"),
            "the `sha256` of `\\u{1b}c` is invalid: a SHA-256 has 64 hexadecimal digits, as `sha256sum` \
             prints them; this has 58 characters",
        );
        let cut = parse(&text[..text.len() - 10]).unwrap_err().to_string();
        assert!(cut.starts_with("line 8: "), "{cut}");
    }
}
