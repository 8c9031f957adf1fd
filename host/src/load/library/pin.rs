//! Compares a library's content with its directive's pin and with the lock.

use std::fmt;

use super::fingerprint::Fingerprint;

/// A library whose content does not match its pin.
#[derive(Debug, thiserror::Error)]
#[error(
    "its content does not match its pin: the manifest says sha256 = \"{expected}\", \
     the file has \"{found}\"; to use this file, pin its hash"
)]
pub struct PinError {
    /// The pinned hash.
    pub expected: Fingerprint,
    /// The file's hash.
    pub found: Fingerprint,
}

/// Checks a library against its directive's pin, if there is one.
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
    /// The hashes locked for the plugin; empty if the lock does not list it.
    pub locked: Vec<Fingerprint>,
    /// The file's hash.
    pub found: Fingerprint,
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { locked, found } = self;
        let locked: Vec<String> = locked.iter().map(|one| format!("\"{one}\"")).collect();
        if locked.is_empty() {
            return write!(
                f,
                "it is not in the lock; the file has sha256 = \"{found}\""
            );
        }
        let locked = locked.join(" or ");
        write!(
            f,
            "its content does not match the lock: the lock says sha256 = {locked}, the file has \
             \"{found}\""
        )
    }
}

/// Checks a library against the hashes locked for its plugin, if there is a lock.
///
/// # Errors
///
/// When it matches none of them.
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
    fn pin_must_match_and_no_pin_matches_all() {
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
    fn lock_allows_only_its_hashes() {
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
                "its content does not match the lock: the lock says sha256 = \"{one}\" or \"{two}\", the \
                 file has \"{three}\""
            )
        );
        let missing = check_lock(Some(&[]), three).unwrap_err();
        assert_eq!(
            missing.to_string(),
            format!("it is not in the lock; the file has sha256 = \"{three}\"")
        );
    }
}
