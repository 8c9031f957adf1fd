//! Programs that tests make, to run them.
//!
//! The system refuses to run a file that is open for writing (ETXTBSY), and each process that another test starts inherits
//! all open files until it executes its program. So a child process writes these files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Copies the program `from` to `to`.
///
/// # Panics
///
/// If that fails.
pub fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("--").args([from, to]).status();
    assert!(status.expect("cp").success(), "{}", to.display());
}

/// Makes the script `path`.
///
/// # Panics
///
/// If that fails.
pub fn script(path: &Path, text: &str) {
    let content = path.with_extension("text");
    fs::write(&content, text).expect("a file");
    copy(&content, path);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}
