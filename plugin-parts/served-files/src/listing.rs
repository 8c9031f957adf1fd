//! Listing a directory.

use std::ffi::CString;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Dir, FileType, statat};

use crate::open::{Opened, open};
use crate::path::{FilePath, hidden};
use crate::root::Root;
use crate::validators;

/// How many names of a directory are looked at.
pub const MAX_ENTRIES: usize = 10_000;

/// What a directory contains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// What of it is served, unsorted.
    pub entries: Vec<Entry>,
    /// Whether it has more than [`MAX_ENTRIES`] names, of which the others were not looked at.
    pub is_partial: bool,
}

/// A file or directory that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// When it changed; none if its time is a constant or not an HTTP date.
    pub changed: Option<SystemTime>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file, with its length in bytes.
    File(u64),
}

impl Kind {
    /// Whether it is a file.
    pub fn is_file(self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// Lists what is served; none if `path` is not a directory. Looks at `most` names. Blocks.
pub(crate) fn list(root: &Root, path: &FilePath, most: usize) -> io::Result<Option<Listing>> {
    let Opened::Directory(directory) = open(root, path)? else {
        return Ok(None);
    };
    let links = match root.follows_links() {
        true => Some(Links::below(root, path)?),
        false => None,
    };
    let names = Dir::read_from(&directory)?.filter_map(|entry| {
        let name = entry.map(|entry| entry.file_name().to_owned());
        let is_own = |name: &CString| !matches!(name.to_bytes(), b"." | b"..");
        name.map(|name| is_own(&name).then_some(name)).transpose()
    });
    let mut listing = Listing::default();
    for (position, name) in names.enumerate() {
        let name = name?;
        // Counted before anything is asked about it: that is what takes time.
        if position == most {
            listing.is_partial = true;
            break;
        }
        // No URL names a file whose name is not UTF-8.
        let Ok(name) = name.to_str() else { continue };
        if root.dot_files || !hidden(name.as_ref()) {
            listing
                .entries
                .extend(entry(&directory, links.as_ref(), name));
        }
    }
    Ok(Some(listing))
}

/// What a name stands for; none if it is not served, or was deleted in between.
fn entry(directory: &OwnedFd, links: Option<&Links<'_>>, name: &str) -> Option<Entry> {
    let mut stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
        let real = links?.resolve(name)?;
        stat = statat(CWD, &real, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    }
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Kind::Directory,
        FileType::RegularFile => Kind::File(u64::try_from(stat.st_size).unwrap_or(0)),
        _ => return None,
    };
    Some(Entry {
        name: name.to_owned(),
        kind,
        changed: validators::date(stat.st_mtime)
            .filter(|_| !validators::is_constant(stat.st_mtime)),
    })
}

/// Where the links in a directory lead. Its own path is resolved once, not for each.
struct Links<'a> {
    root: &'a Root,
    base: PathBuf,
    directory: PathBuf,
}

impl<'a> Links<'a> {
    fn below(root: &'a Root, path: &FilePath) -> io::Result<Self> {
        Ok(Self {
            base: root.path.canonicalize()?,
            directory: path.below(&root.path).canonicalize()?,
            root,
        })
    }

    fn resolve(&self, name: &str) -> Option<PathBuf> {
        let path = self.directory.join(name);
        self.root.resolve(&self.base, &path).ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;
    use crate::root::Symlinks;

    fn list_of(path: &Path, most: usize) -> Listing {
        let root = Root {
            path: path.to_path_buf(),
            symlinks: Symlinks::Inside,
            dot_files: false,
        };
        let path = FilePath::decode("/").unwrap();
        list(&root, &path, most).unwrap().unwrap()
    }

    #[test]
    fn links_are_listed_if_they_are_served() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(place.path().join("secret"), "").unwrap();
        fs::write(root.join(".env"), "").unwrap();
        fs::write(root.join("file"), "12345").unwrap();
        for (link, target) in [
            ("link", "file"),
            ("env.txt", ".env"),
            ("again", "env.txt"),
            ("out", "../secret"),
            ("dangling", "gone"),
            ("loop", "loop"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        let mut entries = list_of(&root, MAX_ENTRIES).entries;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let listed: Vec<_> = entries
            .iter()
            .map(|entry| (&entry.name[..], entry.kind))
            .collect();
        let file = Kind::File(5);
        assert_eq!(listed, [("file", file), ("link", file)]);
    }

    /// Names that are not shown count, too: each is looked at.
    #[test]
    fn listing_ends_after_so_many_names() {
        let place = tempfile::tempdir().unwrap();
        for name in ["1", "2", "3"] {
            symlink(".env", place.path().join(name)).unwrap();
        }
        assert_eq!(list_of(place.path(), 3), Listing::default());
        let listing = list_of(place.path(), 2);
        assert!(listing.is_partial && listing.entries.is_empty());
    }
}
