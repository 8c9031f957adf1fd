//! The files of development's certificates: for this user only.

use std::ffi::OsString;
use std::fs::{DirBuilder, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use checked_file::{ReadError, read_secret_text};
use tempfile::NamedTempFile;

use super::DevelopmentTlsError;

/// Far more than a key or a certificate needs.
const MAX_LEN: u64 = 1 << 16;

/// `stackup/tls` in the user's data (XDG Base Directory Specification 0.8).
pub(super) fn folder(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, DevelopmentTlsError> {
    let absolute = |name| {
        let path = variable(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    let data = data.ok_or(DevelopmentTlsError::NoFolder)?;
    Ok(data.join("stackup/tls"))
}

/// Makes the folder, which nobody else may enter.
pub(super) fn create_folder(folder: &Path) -> Result<(), DevelopmentTlsError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| unwritable(folder, error))
}

/// The text of a file that only this user can read and change; none if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<String>, DevelopmentTlsError> {
    match read_secret_text(path, MAX_LEN) {
        Ok(text) => Ok(Some(text)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(DevelopmentTlsError::Unreadable(path.to_owned(), error)),
    }
}

fn is_missing(error: &ReadError) -> bool {
    matches!(error, ReadError::Io(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Creates a file. Returns false, and changes nothing, if it exists already.
pub(super) fn create(path: &Path, text: &str) -> Result<bool, DevelopmentTlsError> {
    let written = temporary(path, text).and_then(|file| match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    });
    written.map_err(|error| unwritable(path, error))
}

/// Replaces a file: a reader sees all of the old one or of the new one.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), DevelopmentTlsError> {
    let written = temporary(path, text).and_then(|file| match file.persist(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.error),
    });
    written.map_err(|error| unwritable(path, error))
}

fn temporary(path: &Path, text: &str) -> io::Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new()
        .prefix(".stackup-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn unwritable(path: &Path, error: io::Error) -> DevelopmentTlsError {
    let path = path.to_owned();
    DevelopmentTlsError::Unwritable { path, error }
}

/// The permissions of a file.
#[cfg(test)]
pub(super) fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}
