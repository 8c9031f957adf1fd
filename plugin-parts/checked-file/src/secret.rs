//! Whether other users can read a file that holds a secret.

use std::cell::OnceCell;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::accounts::Accounts;
use crate::bounded::{ReadError, open, read_open, text};
use crate::trust::{TrustError, Why, is_judged};

/// Reads the text file at `path`, of at most `limit` bytes, if no other user could have written, replaced or read it. A
/// group may read a file of root's: root has given it to this group.
///
/// # Errors
///
/// As [`read_text`](crate::read_text) and [`check`](crate::check), or the file's mode lets others read it.
pub fn read_secret_text(path: &Path, limit: u64) -> Result<String, ReadError> {
    let file = open(path)?;
    let content = read_open(&file, limit)?;
    if !is_judged(&file, path)? {
        return Err(std::io::Error::other("it was replaced while it was read").into());
    }
    if let Some(why) = exposure(&file.metadata()?, &Accounts::of_this_machine) {
        let path = path.to_path_buf();
        return Err(TrustError { path, why }.into());
    }
    text(content)
}

/// How others can read the file, if they can.
fn exposure(metadata: &Metadata, accounts: &dyn Fn() -> Accounts) -> Option<Why> {
    let (mode, uid, gid) = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
    let known = OnceCell::new();
    let is_private = || known.get_or_init(accounts).is_private(gid, uid);
    if mode & 0o004 != 0 {
        return Some(Why::WorldReadable(mode));
    }
    let by_group = mode & 0o040 != 0 && uid != 0;
    (by_group && !is_private()).then_some(Why::GroupReadable { mode, gid })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("site.key");
        fs::write(&path, "secret").unwrap();
        for (mode, wanted) in [
            (0o600, None),
            (0o400, None),
            (0o604, Some("world-readable")),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let read = read_secret_text(&path, 64);
            match wanted {
                None => assert_eq!(read.unwrap(), "secret"),
                Some(why) => {
                    let error = read.unwrap_err().to_string();
                    assert!(
                        error.contains(why) && error.contains("chmod o-r"),
                        "{error}"
                    );
                }
            }
        }
    }
}
