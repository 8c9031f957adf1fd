//! Files that are whole from one moment to the next, whoever reads them meanwhile.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes the file at `path`, in the place of what is there, which may be read and written by the same as before.
///
/// # Errors
///
/// What the system says.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // As any new file: the process's mask has its say.
    let before = fs::metadata(path).map(|before| before.permissions());
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o666))
        .prefix(".stackup-")
        .tempfile_in(folder)?;
    if let Ok(before) = before {
        file.as_file().set_permissions(before)?;
    }
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
