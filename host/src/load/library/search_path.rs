//! Where the system's loader looks for the libraries that a library needs, as far as the library itself says it.
//!
//! The loader maps what it finds there, so a folder in which another user can put a file is as good as the library itself.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use checked_file::check_search_dir;
use object::read::{File as ObjectFile, Object, ObjectSection, ReadCache};

use super::trust::TrustError;

/// `DT_RPATH` and `DT_RUNPATH`.
const TAGS: [u64; 2] = [15, 29];

/// Checks that no other user can put a library where this one's dependencies are looked for. `copy_dir` is where it is
/// mapped from: `$ORIGIN`.
///
/// # Errors
///
/// The first folder in which another user can.
pub(super) fn check_search_path(library: &File, copy_dir: &Path) -> Result<(), TrustError> {
    search_path(library)
        .iter()
        .try_for_each(|entry| check_entry(entry, copy_dir))
}

fn check_entry(entry: &[u8], copy_dir: &Path) -> Result<(), TrustError> {
    let shown = || String::from_utf8_lossy(entry).into_owned();
    let Some(dir) = folder(entry, copy_dir) else {
        return Err(TrustError::RelativeSearchPath(shown()));
    };
    match check_search_dir(&dir) {
        Ok(()) => Ok(()),
        Err(checked_file::ReadError::Untrusted(error)) => Err(TrustError::SearchPath {
            entry: shown(),
            error,
        }),
        Err(error) => Err(TrustError::Unreadable(error)),
    }
}

/// The folder that an entry stands for; none if that depends on the current folder.
fn folder(entry: &[u8], copy_dir: &Path) -> Option<PathBuf> {
    let origin = [&b"$ORIGIN"[..], b"${ORIGIN}"];
    let below = origin
        .iter()
        .find_map(|origin| entry.strip_prefix(*origin))
        .filter(|rest| rest.is_empty() || rest.starts_with(b"/"));
    match below {
        Some(rest) => {
            let rest = rest.strip_prefix(b"/").unwrap_or(rest);
            Some(copy_dir.join(OsStr::from_bytes(rest)))
        }
        None => entry
            .starts_with(b"/")
            .then(|| PathBuf::from(OsStr::from_bytes(entry))),
    }
}

/// The entries of a 64-bit ELF library; none of any other, whose system looks elsewhere.
fn search_path(library: &File) -> Vec<Vec<u8>> {
    let cache = ReadCache::new(library);
    let Ok(file) = ObjectFile::parse(&cache) else {
        return Vec::new();
    };
    let data = |name: &str| file.section_by_name(name)?.data().ok();
    let (Some(dynamic), Some(strings)) = (data(".dynamic"), data(".dynstr")) else {
        return Vec::new();
    };
    entries(dynamic, strings)
}

fn entries(dynamic: &[u8], strings: &[u8]) -> Vec<Vec<u8>> {
    let word = |bytes: &[u8]| bytes.try_into().map(u64::from_ne_bytes).unwrap_or_default();
    let pairs = dynamic.chunks_exact(16);
    let paths = pairs.filter_map(|pair| {
        let offset = usize::try_from(word(&pair[8..])).ok()?;
        let text = strings
            .get(offset..)
            .filter(|_| TAGS.contains(&word(&pair[..8])))?;
        text.split(|byte| *byte == 0).next()
    });
    let each = paths.flat_map(|path| path.split(|byte| *byte == b':'));
    each.map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn dynamic(pairs: &[(u64, u64)]) -> Vec<u8> {
        let words = pairs.iter().flat_map(|(tag, value)| [*tag, *value]);
        words.flat_map(u64::to_ne_bytes).collect()
    }

    #[test]
    fn entries_of_both_tags_are_found() {
        let strings = b"\0libc.so.6\0/a:$ORIGIN/b\0/c\0";
        let found = entries(&dynamic(&[(1, 1), (15, 11), (29, 24), (0, 0)]), strings);
        assert_eq!(found, [&b"/a"[..], b"$ORIGIN/b", b"/c"]);
        assert!(entries(&dynamic(&[(29, 1 << 40)]), strings).is_empty());
        assert!(entries(b"\x1d\0", strings).is_empty());
    }

    #[test]
    fn folder_that_others_can_fill_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let copies = root.join("copies");
        fs::create_dir(&copies).unwrap();
        let check = |entry: &str| check_entry(entry.as_bytes(), &copies);
        let ours = root.display().to_string();
        for entry in [
            "$ORIGIN",
            "${ORIGIN}/deps",
            "$ORIGIN/../deps",
            &ours,
            "/usr/lib",
        ] {
            check(entry).unwrap();
        }
        for entry in ["", "lib", "./lib", "$LIB", "$ORIGINAL"] {
            let error = check(entry).unwrap_err();
            assert!(
                matches!(error, TrustError::RelativeSearchPath(_)),
                "{entry}"
            );
        }
        // Sticky protects what is there, and lets others add what is not.
        fs::set_permissions(&root, Permissions::from_mode(0o1777)).unwrap();
        let missing = format!("{ours}/missing/lib");
        for entry in ["$ORIGIN/../deps", &ours, &missing] {
            let error = check(entry).unwrap_err().to_string();
            assert!(error.contains("is world-writable (mode 1777)"), "{error}");
        }
        check("$ORIGIN").unwrap();
    }
}
