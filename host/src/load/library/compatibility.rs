//! Whether a plugin is compatible with this host, by its metadata, before it is loaded.

use super::metadata::{Metadata, Panic};

/// A plugin that this host must not load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IncompatibleError {
    /// Built against an ABI that this host does not support.
    #[error(
        "built against stackup-plugin ABI {found}, this stackup speaks {expected}: \
         rebuild the plugin with stackup-plugin {expected}.x"
    )]
    Abi {
        /// The plugin's, as `major.minor`.
        found: String,
        /// The host's, as `major.minor`.
        expected: String,
    },
    /// Its ABI version can't be parsed.
    #[error("its ABI version `{0}` is not MAJOR.MINOR.PATCH: rebuild the plugin")]
    NotAVersion(String),
    /// Its panics can't be caught.
    #[error(
        "built with panic = \"abort\": a panic in it would end the worker, \
         build it with panic = \"unwind\""
    )]
    Aborts,
}

impl Metadata {
    /// Checks that a host with ABI version `abi` (such as `0.1.0`) can load this plugin.
    ///
    /// In `0.x` the minor versions must match. From 1.0 on the major versions must, and the plugin's
    /// minor version may not be newer. The patch version never matters.
    ///
    /// # Errors
    ///
    /// When it can't; the error says how to rebuild it.
    pub fn check_compatibility(&self, abi: &str) -> Result<(), IncompatibleError> {
        let found = version(&self.abi)?;
        let expected = version(abi)?;
        let same = match expected.0 {
            0 => found == expected,
            major => found.0 == major && found.1 <= expected.1,
        };
        if !same {
            let text = |(major, minor): (u64, u64)| format!("{major}.{minor}");
            return Err(IncompatibleError::Abi {
                found: text(found),
                expected: text(expected),
            });
        }
        match self.panic {
            Panic::Unwind => Ok(()),
            Panic::Abort => Err(IncompatibleError::Aborts),
        }
    }
}

fn version(text: &str) -> Result<(u64, u64), IncompatibleError> {
    let numbers = text
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<Vec<u64>>>();
    match numbers.as_deref() {
        Some([major, minor, _patch]) => Ok((*major, *minor)),
        _ => Err(IncompatibleError::NotAVersion(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::library::sample;

    fn check(plugin: &str, host: &str) -> Result<(), IncompatibleError> {
        Metadata {
            abi: plugin.to_owned(),
            ..sample::metadata()
        }
        .check_compatibility(host)
    }

    #[test]
    fn zero_major_requires_same_minor_and_any_patch() {
        assert_eq!(check("0.1.7", "0.1.0"), Ok(()));
        assert!(matches!(
            check("0.2.0", "0.1.0"),
            Err(IncompatibleError::Abi { .. })
        ));
        assert!(matches!(
            check("0.1.0", "0.2.0"),
            Err(IncompatibleError::Abi { .. })
        ));
        assert!(matches!(
            check("1.1.0", "0.1.0"),
            Err(IncompatibleError::Abi { .. })
        ));
    }

    #[test]
    fn nonzero_major_accepts_older_minor() {
        assert_eq!(check("1.2.0", "1.3.0"), Ok(()));
        assert!(check("1.4.0", "1.3.0").is_err());
        assert!(check("2.0.0", "1.3.0").is_err());
    }

    #[test]
    fn error_says_how_to_rebuild() {
        assert_eq!(
            check("0.2.3", "0.1.0").unwrap_err().to_string(),
            "built against stackup-plugin ABI 0.2, this stackup speaks 0.1: \
             rebuild the plugin with stackup-plugin 0.1.x"
        );
    }

    #[test]
    fn invalid_version_is_refused() {
        for text in [
            "",
            "0.1",
            "a.b.c",
            "0.1.0.0",
            "0.-1.0",
            "0.1.99999999999999999999",
        ] {
            assert_eq!(
                check(text, "0.1.0"),
                Err(IncompatibleError::NotAVersion(text.to_owned()))
            );
        }
    }

    #[test]
    fn plugin_with_aborting_panics_is_refused() {
        let plugin = Metadata {
            panic: Panic::Abort,
            ..sample::metadata()
        };
        assert_eq!(
            plugin.check_compatibility("0.1.0"),
            Err(IncompatibleError::Aborts)
        );
    }
}
