//! Where the system's loader looks for the libraries that a library needs, as far as the library itself says it.
//!
//! The loader maps what it finds there, so a folder in which another user can put a file is as good as the library itself.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use checked_file::{ReadError, check, check_search_dir};
use object::read::{File as ObjectFile, Object, ObjectSection, ReadCache};

use super::trust::TrustError;

/// `DT_RPATH` and `DT_RUNPATH`.
const SEARCH_PATHS: [u64; 2] = [15, 29];

/// `DT_NEEDED`, `DT_AUXILIARY` and `DT_FILTER`.
const DEPENDENCIES: [u64; 3] = [1, 0x7fff_fffd, 0x7fff_ffff];

/// Checks that no other user can put a library where this one's dependencies are looked for. `copy_dir` is where it is
/// mapped from: `$ORIGIN`.
///
/// # Errors
///
/// The first folder or file that another user can change.
pub(super) fn check_search_path(library: &File, copy_dir: &Path) -> Result<(), TrustError> {
    let Dynamic {
        folders,
        dependencies,
    } = dynamic(library);
    folders
        .iter()
        .try_for_each(|entry| check_entry(entry, copy_dir))?;
    // Only a name with a slash is a path (ld.so(8)); others are looked for in the folders.
    dependencies
        .iter()
        .filter(|name| name.contains(&b'/'))
        .try_for_each(|name| check_dependency(name, copy_dir))
}

fn check_entry(entry: &[u8], copy_dir: &Path) -> Result<(), TrustError> {
    let shown = || String::from_utf8_lossy(entry).into_owned();
    let Some(dir) = resolved(entry, copy_dir) else {
        return Err(TrustError::RelativeSearchPath(shown()));
    };
    match check_search_dir(&dir) {
        Ok(()) => Ok(()),
        Err(ReadError::Untrusted(error)) => Err(TrustError::SearchPath {
            entry: shown(),
            error,
        }),
        Err(error) => Err(TrustError::Unreadable(error)),
    }
}

fn check_dependency(name: &[u8], copy_dir: &Path) -> Result<(), TrustError> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    let Some(path) = resolved(name, copy_dir) else {
        return Err(TrustError::RelativeDependency(shown()));
    };
    let folder = path.parent().unwrap_or(&path);
    let checked = check_search_dir(folder).and_then(|()| match check(&path) {
        // The system's loader says so, too.
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        checked => checked.map(|_| ()),
    });
    match checked {
        Ok(()) => Ok(()),
        Err(ReadError::Untrusted(error)) => Err(TrustError::Dependency {
            name: shown(),
            error,
        }),
        Err(error) => Err(TrustError::Unreadable(error)),
    }
}

/// The path that an entry stands for; none if that depends on the current folder.
fn resolved(entry: &[u8], copy_dir: &Path) -> Option<PathBuf> {
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

/// What a library says about those that it needs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Dynamic {
    folders: Vec<Vec<u8>>,
    dependencies: Vec<Vec<u8>>,
}

/// Reads it from a 64-bit ELF library; it is empty for any other, whose system looks elsewhere.
fn dynamic(library: &File) -> Dynamic {
    let cache = ReadCache::new(library);
    let Ok(file) = ObjectFile::parse(&cache) else {
        return Dynamic::default();
    };
    let data = |name: &str| file.section_by_name(name)?.data().ok();
    match (data(".dynamic"), data(".dynstr")) {
        (Some(dynamic), Some(strings)) => Dynamic::read(dynamic, strings),
        _ => Dynamic::default(),
    }
}

impl Dynamic {
    /// Reads pairs of a tag and a value, which for these tags is an offset into `strings`.
    fn read(dynamic: &[u8], strings: &[u8]) -> Self {
        let texts = |tags: &'static [u64]| {
            let pairs = dynamic.chunks_exact(16).filter_map(pair);
            let offsets = pairs.filter(|(tag, _)| tags.contains(tag));
            let texts = offsets.filter_map(|(_, offset)| {
                let text = strings.get(usize::try_from(offset).ok()?..)?;
                text.split(|byte| *byte == 0).next()
            });
            texts.collect::<Vec<_>>()
        };
        let search_paths = texts(&SEARCH_PATHS).into_iter();
        let folders = search_paths.flat_map(|path| path.split(|byte| *byte == b':'));
        Self {
            folders: folders.map(<[u8]>::to_vec).collect(),
            dependencies: texts(&DEPENDENCIES)
                .into_iter()
                .map(<[u8]>::to_vec)
                .collect(),
        }
    }
}

fn pair(bytes: &[u8]) -> Option<(u64, u64)> {
    let (tag, value) = bytes.split_first_chunk()?;
    let value = value.try_into().ok()?;
    Some((u64::from_ne_bytes(*tag), u64::from_ne_bytes(value)))
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
    fn search_paths_and_dependencies_are_found() {
        let strings = b"\0libc.so.6\0/a:$ORIGIN/b\0/c\0";
        let pairs = [(1, 1), (15, 11), (29, 24), (0x7fff_ffff, 1), (0, 0)];
        let found = Dynamic::read(&dynamic(&pairs), strings);
        assert_eq!(found.folders, [&b"/a"[..], b"$ORIGIN/b", b"/c"]);
        assert_eq!(found.dependencies, [b"libc.so.6"; 2]);
        let none = Dynamic::default();
        assert_eq!(Dynamic::read(&dynamic(&[(29, 1 << 40)]), strings), none);
        assert_eq!(Dynamic::read(b"\x1d\0", strings), none);
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

    #[test]
    fn dependency_by_path_that_others_can_change_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let check = |name: &str| check_dependency(name.as_bytes(), &root);
        let library = root.join("lib.so");
        fs::write(&library, "").unwrap();
        let ours = library.display().to_string();
        for name in [&ours, "$ORIGIN/lib.so", "$ORIGIN/missing.so"] {
            check(name).unwrap();
        }
        for name in ["./lib.so", "deps/lib.so", "../lib.so"] {
            let error = check(name).unwrap_err();
            assert!(matches!(error, TrustError::RelativeDependency(_)), "{name}");
        }
        fs::set_permissions(&library, Permissions::from_mode(0o666)).unwrap();
        let error = check(&ours).unwrap_err().to_string();
        assert!(error.contains("is world-writable (mode 0666)"), "{error}");
        fs::set_permissions(&root, Permissions::from_mode(0o1777)).unwrap();
        let error = check("$ORIGIN/missing.so").unwrap_err().to_string();
        assert!(error.contains("is world-writable (mode 1777)"), "{error}");
    }
}
