//! Which program this is: the one that runs, and the file that it was started from.

use std::io;
use std::path::{Path, PathBuf};

/// The program that runs, for children that must be of the same: also when its file has been replaced.
///
/// # Errors
///
/// When the system does not tell.
pub(crate) fn current_exe() -> io::Result<PathBuf> {
    // It stands for the file itself, not for its name, and is looked up by the child, which still is this
    // program at that moment.
    let own = Path::new("/proc/self/exe");
    match own.exists() {
        true => Ok(own.to_path_buf()),
        false => std::env::current_exe(),
    }
}
