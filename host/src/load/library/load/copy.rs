//! A library's private copy, as it is mapped: whole while it serves, the least there can be at rest.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::reclaim::{Cut, cut, mappings, mend, release};
use super::segments::Segments;
use crate::load::library::runtime_copy::Kept;

/// The file that is mapped.
#[derive(Debug)]
pub(in crate::load::library) struct Copy {
    pub(in crate::load::library) path: PathBuf,
    segments: Segments,
    resting: bool,
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

impl Copy {
    pub(super) fn new(kept: Kept) -> Self {
        Self {
            segments: Segments::of(&kept.whole),
            path: kept.path,
            resting: false,
            tail: Tail::There,
        }
    }

    pub(in crate::load::library) fn is_resting(&self) -> bool {
        self.resting
    }

    /// How many bytes of addresses it takes, for good.
    pub(in crate::load::library) fn address_space(&self) -> u64 {
        let page = rustix::param::page_size() as u64;
        self.segments.span(page).unwrap_or_default()
    }

    /// Gives memory and disk back. What does not work out is left as it is: it is only waste.
    pub(in crate::load::library) fn rest(&mut self) {
        if self.resting && self.tail != Tail::There {
            return;
        }
        let name = self.path.file_name().map(Path::new).unwrap_or(&self.path);
        let name = name.display();
        let mappings = match mappings(&self.path) {
            Ok(mappings) => mappings,
            Err(error) => {
                tracing::debug!(%error, "{name} can't rest");
                (self.resting, self.tail) = (true, Tail::Stays);
                return;
            }
        };
        if !self.resting {
            self.resting = true;
            match release(&self.segments, &mappings) {
                Ok(bytes) => tracing::debug!(bytes, "{name} rests: its memory is given back"),
                Err(error) => tracing::debug!(%error, "{name} rests: its memory stays"),
            }
        }
        match cut(&self.path, &self.segments, &mappings) {
            Ok(Cut::Done(bytes)) => {
                self.tail = Tail::Gone;
                tracing::debug!(bytes, "{name} rests: its symbols are gone");
            }
            // Asked again when the next library comes to rest.
            Ok(Cut::InUse) => tracing::debug!("{name} rests: something reads its symbols"),
            Err(error) => {
                self.tail = Tail::Stays;
                tracing::debug!(%error, "{name} rests: its symbols stay");
            }
        }
    }

    /// Puts the symbols back; the memory comes by itself. `whole` has all of the content.
    pub(in crate::load::library) fn wake(&mut self, whole: &File) {
        self.resting = false;
        if self.tail == Tail::Gone {
            self.tail = Tail::There;
            if let Err(error) = mend(&self.path, &self.segments, whole) {
                let path = self.path.display();
                tracing::debug!(%error, "{path} serves again without its symbols");
            }
        }
    }
}
