//! Files that are replaced atomically: a reader sees the old content or the new, never a part.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Replaces the file at `path` by one that only this user can read.
///
/// # Errors
///
/// Any error of the file system.
pub(crate) fn write_secret(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o600))
        .prefix(".stackup-")
        .tempfile_in(folder_of(path))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Replaces the file at `path`, and keeps the permissions of the one that was there.
///
/// # Errors
///
/// Any error of the file system.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    // As for any new file, the umask applies.
    let before = fs::metadata(path).map(|before| before.permissions());
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o666))
        .prefix(".stackup-")
        .tempfile_in(folder_of(path))?;
    if let Ok(before) = before {
        file.as_file().set_permissions(before)?;
    }
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
