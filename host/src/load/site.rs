//! What a site is called, and the folder that its relative paths start from.
//!
//! A site is named by the folder that its manifest is in and the manifest's file name there. Links to the folder are
//! followed at the moment of each use, since they may be turned (`current -> releases/2`). A link in the place of the
//! manifest itself is not: what it leads to is the text, shared perhaps, and the site is where the link is.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// The name of a site: the same for each path that leads to its folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteName {
    /// The device of the folder.
    device: u64,
    /// The folder's number on the device.
    inode: u64,
    /// The manifest's name in the folder.
    file: String,
}

impl SiteName {
    /// The name of the site whose manifest is at `path`, if its folder exists.
    fn of(path: &Path) -> Option<Self> {
        let folder = fs::metadata(parent(path)).ok()?;
        Some(Self {
            device: folder.dev(),
            inode: folder.ino(),
            file: path.file_name()?.to_string_lossy().into_owned(),
        })
    }
}

/// The names of the manifest at `path`: first its site's, then those of the files that it is a link to.
pub fn names(path: &Path) -> Vec<SiteName> {
    let mut names = Vec::new();
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        names.extend(SiteName::of(&path));
        match fs::read_link(&path) {
            Ok(target) => path = parent(&path).join(target),
            Err(_) => break,
        }
    }
    names
}

/// The folder that relative paths in the manifest at `path` start from, as its links lead now.
pub fn folder(path: &Path) -> PathBuf {
    let folder = parent(path);
    // If the folder does not exist, reading the manifest reports it.
    fs::canonicalize(&folder).unwrap_or(folder)
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Makes `path` absolute. Links stay as they are, also those by which the shell came to the current folder: `PWD`
/// knows them, the kernel does not.
pub fn absolute(path: &Path) -> PathBuf {
    let shell = std::env::var_os("PWD").map(PathBuf::from);
    absolute_in(path, shell.filter(|shell| is_current(shell)))
}

fn absolute_in(path: &Path, current: Option<PathBuf>) -> PathBuf {
    match current {
        Some(current) => current.join(path),
        None => std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()),
    }
}

fn is_current(folder: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).map(|it| (it.dev(), it.ino())).ok();
    folder.is_absolute() && id(folder).is_some_and(|it| Some(it) == id(Path::new(".")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn link_to_a_folder_is_the_same_site_until_it_is_turned() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for release in ["1", "2"] {
            fs::create_dir_all(root.join("releases").join(release)).unwrap();
        }
        symlink("releases/1", root.join("current")).unwrap();
        let (one, two) = (
            root.join("releases/1/c.toml"),
            root.join("releases/2/c.toml"),
        );
        let current = root.join("current/c.toml");
        assert_eq!(names(&current), names(&one));
        assert_eq!(folder(&current), root.join("releases/1"));
        symlink("releases/2", root.join("next")).unwrap();
        fs::rename(root.join("next"), root.join("current")).unwrap();
        assert_eq!(names(&current), names(&two));
        assert_eq!(folder(&current), root.join("releases/2"));
        assert_ne!(names(&one), names(&two));
    }

    #[test]
    fn linked_manifest_is_a_site_of_its_own_and_leads_to_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for folder in ["shared", "a", "b"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        for site in ["a", "b"] {
            symlink("../shared/c.toml", root.join(site).join("c.toml")).unwrap();
        }
        let (a, b) = (names(&root.join("a/c.toml")), names(&root.join("b/c.toml")));
        let shared = names(&root.join("shared/c.toml"));
        assert_ne!(a[0], b[0]);
        assert_eq!([&a[1..], &b[1..]], [&shared[..], &shared[..]]);
        assert_eq!(folder(&root.join("a/c.toml")), root.join("a"));
    }

    #[test]
    fn files_of_one_folder_are_two_sites() {
        let dir = tempfile::tempdir().unwrap();
        assert_ne!(
            names(&dir.path().join("c.toml")),
            names(&dir.path().join("c.ru"))
        );
    }

    #[test]
    fn links_of_the_shell_stay_in_an_absolute_path() {
        let path = absolute_in(Path::new("c.toml"), Some("/srv/current".into()));
        assert_eq!(path, Path::new("/srv/current/c.toml"));
        let path = absolute_in(Path::new("/etc/c.toml"), Some("/srv/current".into()));
        assert_eq!(path, Path::new("/etc/c.toml"));
        assert!(!is_current(Path::new("/nowhere")));
    }
}
