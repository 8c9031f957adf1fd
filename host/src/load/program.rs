//! Where the running program's own file is.

use std::io;
use std::path::{Path, PathBuf};

/// The path to start children of this same program, even after its file has been replaced.
///
/// # Errors
///
/// When the system does not report it.
pub(crate) fn current_exe() -> io::Result<PathBuf> {
    // This names the file itself, not its path. The child resolves it, and at that moment the child still
    // runs this program.
    let own = Path::new("/proc/self/exe");
    match own.exists() {
        true => Ok(own.to_path_buf()),
        false => std::env::current_exe(),
    }
}
