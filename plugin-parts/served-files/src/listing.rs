//! Listing a directory.

use std::io;
use std::time::SystemTime;

use rustix::fs::{AtFlags, Dir, FileType, statat};

use crate::folder::{Folder, Symlinks};
use crate::open::{Opened, open};
use crate::path::{FilePath, hidden};
use crate::validators;

/// The maximum number of entries.
const MAX_ENTRIES: usize = 10_000;

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

/// Lists what is served; none if `path` is not a directory. Blocks.
pub(crate) fn list(folder: &Folder, path: &FilePath) -> io::Result<Option<Vec<Entry>>> {
    let shown = |name: &str| folder.dot_files || !hidden(name);
    if !path.names().iter().all(|name| shown(name)) {
        return Ok(None);
    }
    let Opened::Directory(directory) = open(&folder.root, path, folder.symlinks)? else {
        return Ok(None);
    };
    let mut entries = Vec::new();
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        // No URL names a file whose name is not UTF-8.
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        if matches!(name, "." | "..") || !shown(name) {
            continue;
        }
        // It may have been deleted since.
        let Ok(mut stat) = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            let leads_on = folder.symlinks != Symlinks::Refuse
                && !matches!(
                    open(&folder.root, &path.clone().join(name), folder.symlinks),
                    Ok(Opened::Nothing) | Err(_)
                );
            match statat(&directory, name, AtFlags::empty()) {
                Ok(target) if leads_on => stat = target,
                _ => continue,
            }
        }
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Kind::Directory,
            FileType::RegularFile => Kind::File(u64::try_from(stat.st_size).unwrap_or(0)),
            _ => continue,
        };
        entries.push(Entry {
            name: name.to_owned(),
            kind,
            changed: validators::date(stat.st_mtime)
                .filter(|_| !validators::is_constant(stat.st_mtime)),
        });
        if entries.len() == MAX_ENTRIES {
            break;
        }
    }
    Ok(Some(entries))
}
