//! Database engines that are compiled into a library.
//!
//! A process may hold only one copy of each: POSIX locks belong to the process, so when one copy closes a file, the locks
//! of the other on it are gone (fcntl(2)).

use std::fmt;

use memchr::memmem;
use object::read::ReadRef;
use object::{File, Object, ObjectSection};

/// A database engine that is compiled into a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embedded {
    /// SQLite.
    Sqlite,
    /// LMDB.
    Lmdb,
}

/// Text that each engine has in its code and others do not. Symbols would not do: a stripped library has none.
const MARKS: [(Embedded, &[u8]); 2] = [
    (
        Embedded::Sqlite,
        b"CREATE TABLE x(type text,name text,tbl_name text,rootpage int,sql text)",
    ),
    (
        Embedded::Lmdb,
        b"MDB_KEYEXIST: Key/data pair already exists\0",
    ),
];

impl fmt::Display for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Lmdb => "LMDB",
        })
    }
}

/// The engine that is compiled into `file`. A shared one, which the library only links, is no copy.
pub(super) fn embedded<'a>(file: &File<'a, impl ReadRef<'a>>) -> Option<Embedded> {
    let texts = file
        .sections()
        .filter(|section| section.name().is_ok_and(|name| name.starts_with(".rodata")));
    for text in texts.filter_map(|section| section.data().ok()) {
        let found = MARKS
            .iter()
            .find(|(_, mark)| memmem::find(text, mark).is_some());
        if let Some((engine, _)) = found {
            return Some(*engine);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{describe, sample};
    use super::*;

    #[test]
    fn engine_is_found_by_text_in_its_code() {
        let section = sample::SECTION.as_bytes();
        for (text, expected) in [
            (&b"nothing of the kind"[..], None),
            (MARKS[0].1, Some(Embedded::Sqlite)),
            (MARKS[1].1, Some(Embedded::Lmdb)),
            // Programs that only recognise such files have this.
            (b"SQLite format 3\0", None),
        ] {
            let text = [b"before\0", text, b"\0after"].concat();
            let library = sample::library(&[(".stackup", section), (".rodata", &text)]);
            let metadata = describe(&library).unwrap();
            assert_eq!(metadata.embedded, expected);
        }
        let other = sample::library(&[(".stackup", section), (".comment", MARKS[0].1)]);
        assert_eq!(describe(&other).unwrap().embedded, None);
    }
}
