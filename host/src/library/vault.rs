//! Libraries that outlive the worker which loaded them, so that its successor can have them again.
//!
//! A kept library is one more name for the worker's own copy, and while there is one nothing is cut from
//! the copy (`load::rest`). The directory is private to this program, so what is in it is trusted.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Library;

/// The directory of the libraries that are kept.
#[derive(Debug, Clone)]
pub struct Vault(PathBuf);

impl Vault {
    /// The vault in the directory `path`.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Keeps a library that is in use, and says where.
    ///
    /// # Errors
    ///
    /// When the directory can't be written.
    pub fn keep(&self, library: &Library) -> io::Result<PathBuf> {
        let copy = &library.copy.path;
        let kept = self.0.join(copy.file_name().unwrap_or_default());
        link(copy, &kept)?;
        Ok(kept)
    }

    /// Removes all but `wanted`. What can't be removed is left: it is only waste.
    pub fn prune(&self, wanted: &HashSet<&Path>) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if !wanted.contains(entry.path().as_path()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Gives the file `from` the name `to` as well; one that is there has the same content.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let part = to.with_extension("part");
            fs::copy(from, &part)?;
            fs::rename(part, to)
        }
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linked_file_survives_the_first_and_what_is_not_wanted_goes() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("own");
        fs::create_dir(&own).unwrap();
        let vault = Vault::new(dir.path().join("vault"));
        fs::create_dir(&vault.0).unwrap();
        for name in ["a", "b"] {
            fs::write(own.join(name), name).unwrap();
            link(&own.join(name), &vault.0.join(name)).unwrap();
            link(&own.join(name), &vault.0.join(name)).unwrap();
        }
        fs::remove_dir_all(&own).unwrap();
        let a = vault.0.join("a");
        vault.prune(&HashSet::from([a.as_path()]));
        assert_eq!(fs::read_to_string(&a).unwrap(), "a");
        assert!(!vault.0.join("b").exists());
    }
}
