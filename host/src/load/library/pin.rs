//! Content that was written down beforehand: by a directive's pin, or in the lock.

use std::fmt;

use super::fingerprint::Fingerprint;

/// A library that is not the one that was pinned.
#[derive(Debug, thiserror::Error)]
#[error(
    "its content is not the pinned one: the manifest says sha256 = \"{expected}\", \
     the file has \"{found}\"; if the new file is meant, pin that"
)]
pub struct PinError {
    /// What the manifest says.
    pub expected: Fingerprint,
    /// What the file has.
    pub found: Fingerprint,
}

/// Compares a library with the fingerprint its directive pins, if it pins one.
///
/// # Errors
///
/// When they differ.
pub fn check_pin(pin: Option<Fingerprint>, found: Fingerprint) -> Result<(), PinError> {
    match pin {
        Some(expected) if expected != found => Err(PinError { expected, found }),
        _ => Ok(()),
    }
}

/// A library that is not in the lock.
#[derive(Debug, thiserror::Error)]
pub struct LockError {
    /// What the plugin's library may be; nothing, if the lock does not have the plugin.
    pub locked: Vec<Fingerprint>,
    /// What the file has.
    pub found: Fingerprint,
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { locked, found } = self;
        let locked: Vec<String> = locked.iter().map(|one| format!("\"{one}\"")).collect();
        if locked.is_empty() {
            return write!(
                f,
                "the lock does not have it; the file has sha256 = \"{found}\""
            );
        }
        let locked = locked.join(" or ");
        write!(
            f,
            "its content is not the locked one: the lock says sha256 = {locked}, the file has \
             \"{found}\""
        )
    }
}

/// Compares a library with what the lock has for its plugin, if there is a lock to keep to.
///
/// # Errors
///
/// When it is none of them.
pub fn check_lock(locked: Option<&[Fingerprint]>, found: Fingerprint) -> Result<(), LockError> {
    match locked {
        Some(locked) if !locked.contains(&found) => Err(LockError {
            locked: locked.to_vec(),
            found,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_must_match_and_no_pin_matches_all() {
        let (one, two) = (Fingerprint::of(b"1"), Fingerprint::of(b"2"));
        check_pin(None, one).unwrap();
        check_pin(Some(one), one).unwrap();
        let error = check_pin(Some(one), two).unwrap_err().to_string();
        assert!(
            error.contains(&one.to_string()) && error.contains(&two.to_string()),
            "{error}"
        );
    }

    #[test]
    fn with_a_lock_only_what_it_has_may_be_loaded() {
        let (one, two, three) = (
            Fingerprint::of(b"1"),
            Fingerprint::of(b"2"),
            Fingerprint::of(b"3"),
        );
        check_lock(None, one).unwrap();
        check_lock(Some(&[two, one]), one).unwrap();
        let differs = check_lock(Some(&[one, two]), three).unwrap_err();
        assert_eq!(
            differs.to_string(),
            format!(
                "its content is not the locked one: the lock says sha256 = \"{one}\" or \"{two}\", the \
                 file has \"{three}\""
            )
        );
        let missing = check_lock(Some(&[]), three).unwrap_err();
        assert_eq!(
            missing.to_string(),
            format!("the lock does not have it; the file has sha256 = \"{three}\"")
        );
    }
}
