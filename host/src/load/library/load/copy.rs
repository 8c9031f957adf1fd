//! A library's private copy, as it is mapped: whole while it serves, the least there can be at rest.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::reclaim::{Punched, mappings, punch_unmapped, release, restore_unmapped};
use super::segments::Segments;
use crate::load::library::runtime_copy::RuntimeCopy;

/// The file that is mapped.
#[derive(Debug)]
pub(in crate::load::library) struct MappedCopy {
    pub(in crate::load::library) path: PathBuf,
    segments: Segments,
    reclaimed: bool,
    tail: Tail,
}

/// What of the file is not mapped: symbols and debug info.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    There,
    Gone,
    /// It can't be cut.
    Stays,
}

impl MappedCopy {
    pub(super) fn new(kept: RuntimeCopy) -> Self {
        Self {
            segments: Segments::of(&kept.whole),
            path: kept.path,
            reclaimed: false,
            tail: Tail::There,
        }
    }

    pub(in crate::load::library) fn is_reclaimed(&self) -> bool {
        self.reclaimed
    }

    /// How many bytes of addresses it takes, for good.
    pub(in crate::load::library) fn address_space(&self) -> u64 {
        let page = rustix::param::page_size() as u64;
        self.segments.span(page).unwrap_or_default()
    }

    /// Gives memory and disk back. What does not work out is left as it is: it is only waste.
    pub(in crate::load::library) fn reclaim(&mut self) {
        if self.reclaimed && self.tail != Tail::There {
            return;
        }
        let name = self.path.file_name().map(Path::new).unwrap_or(&self.path);
        let name = name.display();
        let mappings = match mappings(&self.path) {
            Ok(mappings) => mappings,
            Err(error) => {
                tracing::debug!(%error, "{name} can't rest");
                (self.reclaimed, self.tail) = (true, Tail::Stays);
                return;
            }
        };
        if !self.reclaimed {
            self.reclaimed = true;
            match release(&self.segments, &mappings) {
                Ok(bytes) => tracing::debug!(bytes, "{name} rests: its memory is given back"),
                Err(error) => tracing::debug!(%error, "{name} rests: its memory stays"),
            }
        }
        match punch_unmapped(&self.path, &self.segments, &mappings) {
            Ok(Punched::Done(bytes)) => {
                self.tail = Tail::Gone;
                tracing::debug!(bytes, "{name} rests: its symbols are gone");
            }
            // Asked again when the next library comes to rest.
            Ok(Punched::InUse) => tracing::debug!("{name} rests: something reads its symbols"),
            Err(error) => {
                self.tail = Tail::Stays;
                tracing::debug!(%error, "{name} rests: its symbols stay");
            }
        }
    }

    /// Puts the symbols back; the memory comes by itself. `whole` has all of the content.
    pub(in crate::load::library) fn restore(&mut self, whole: &File) {
        self.reclaimed = false;
        if self.tail == Tail::Gone {
            self.tail = Tail::There;
            if let Err(error) = restore_unmapped(&self.path, &self.segments, whole) {
                let path = self.path.display();
                tracing::debug!(%error, "{path} serves again without its symbols");
            }
        }
    }
}
