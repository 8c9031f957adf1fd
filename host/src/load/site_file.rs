//! Reading the files that say what to run: a site's manifest and its lock.

use std::io;
use std::path::Path;

use checked_file::{ReadError, Trust, check, read_trusted_text};

/// How large a manifest or a lock may be. A lock of this size has several thousand libraries.
const MAX_LEN: u64 = 1 << 20;

/// Reads the manifest or lock at `path`, which is reached by way of `location`: links on either may decide what is read.
///
/// # Errors
///
/// It can't be read, is larger than 1 MiB, or other users may change it and `trust` does not allow that.
pub(crate) fn read(path: &Path, location: &Path, trust: Trust) -> Result<String, ReadError> {
    let text = read_trusted_text(path, MAX_LEN, trust)?;
    if trust == Trust::Owner && location != path {
        check(location)?;
    }
    Ok(text)
}

/// Reads a site's manifest, or a file of that kind such as a `Cargo.toml`, where its content is not about to run.
///
/// # Errors
///
/// It can't be read, or is larger than 1 MiB.
pub(crate) fn read_to_show(path: &Path) -> io::Result<String> {
    checked_file::read_text(path, MAX_LEN).map_err(ReadError::into_io)
}

/// `error` as a message: what is wrong and, on a line of its own, what to do.
pub(crate) fn message(error: &ReadError) -> String {
    match error {
        ReadError::Untrusted(error) => format!(
            "{}, so other users decide what runs here\nhelp: run `{}`; or start with `--trust any`, which takes the files \
             of every user",
            error.problem(),
            error.fix()
        ),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn links_by_which_a_file_is_reached_count() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("links")).unwrap();
        fs::write(root.join("c.toml"), "x").unwrap();
        symlink(&root, root.join("links/current")).unwrap();
        let (path, location) = (root.join("c.toml"), root.join("links/current/c.toml"));
        assert_eq!(read(&path, &location, Trust::Owner).unwrap(), "x");
        fs::set_permissions(root.join("links"), fs::Permissions::from_mode(0o777)).unwrap();
        let error = read(&path, &location, Trust::Owner).unwrap_err();
        let folder = root.join("links").display().to_string();
        assert_eq!(
            message(&error),
            format!(
                "`{folder}` is world-writable (mode 0777), so other users decide what runs here\n\
                 help: run `chmod o-w '{folder}'`; or start with `--trust any`, which takes the files of every user"
            )
        );
        assert_eq!(read(&path, &location, Trust::Any).unwrap(), "x");
    }

    #[test]
    fn manifest_has_a_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
        let error = read(&path, &path, Trust::Owner).unwrap_err();
        assert_eq!(
            message(&error),
            "it is larger than 1 MiB, the limit for this file"
        );
    }
}
