//! The mapped private copy of a library: complete while in use, reduced to its mapped part once reclaimed.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::reclaim::{Punched, mappings, punch_unmapped, release, restore_unmapped};
use super::segments::Segments;
use crate::load::library::runtime_copy::RuntimeCopy;
use crate::load::library::store::write_copy;
use crate::services::page_size;

/// The file that is mapped.
#[derive(Debug)]
pub(in crate::load::library) struct MappedCopy {
    pub(in crate::load::library) path: PathBuf,
    segments: Segments,
    reclaimed: bool,
    unmapped: Unmapped,
    /// The whole content while it is in use, even if the file at `path` is removed.
    full: Option<File>,
}

/// The state of the file's unmapped part: symbols and debug info.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unmapped {
    Present,
    Punched,
    /// It can't be removed.
    Permanent,
}

impl MappedCopy {
    pub(super) fn new(copy: RuntimeCopy) -> Self {
        Self {
            segments: Segments::of(&copy.full),
            path: copy.path,
            full: Some(copy.full),
            reclaimed: false,
            unmapped: Unmapped::Present,
        }
    }

    pub(in crate::load::library) fn is_reclaimed(&self) -> bool {
        self.reclaimed
    }

    /// How many bytes of address space it holds, for the life of the process.
    pub(in crate::load::library) fn address_space(&self) -> u64 {
        let page = page_size() as u64;
        self.segments.span(page).unwrap_or_default()
    }

    /// Returns its memory and disk space to the system. Failures are ignored: they only waste space.
    pub(in crate::load::library) fn reclaim(&mut self) {
        if self.reclaimed && self.unmapped != Unmapped::Present {
            return;
        }
        self.full = None;
        let name = self.path.file_name().map(Path::new).unwrap_or(&self.path);
        let name = name.display();
        let mappings = match mappings(&self.path) {
            Ok(mappings) => mappings,
            Err(error) => {
                tracing::debug!(%error, "{name}: memory can't be reclaimed");
                (self.reclaimed, self.unmapped) = (true, Unmapped::Permanent);
                return;
            }
        };
        if !self.reclaimed {
            self.reclaimed = true;
            match release(&self.segments, &mappings) {
                Ok(bytes) => tracing::debug!(bytes, "{name}: memory reclaimed"),
                Err(error) => tracing::debug!(%error, "{name}: memory can't be reclaimed"),
            }
        }
        match punch_unmapped(&self.path, &self.segments, &mappings) {
            Ok(Punched::Done(bytes)) => {
                self.unmapped = Unmapped::Punched;
                tracing::debug!(bytes, "{name}: symbols removed from the copy");
            }
            // Tried again when the next library is reclaimed.
            Ok(Punched::InUse) => tracing::debug!("{name}: symbols are in use"),
            Err(error) => {
                self.unmapped = Unmapped::Permanent;
                tracing::debug!(%error, "{name}: symbols can't be removed");
            }
        }
    }

    /// Restores the symbols from `full`, which has the whole content. Memory pages fault back in by themselves.
    pub(in crate::load::library) fn restore(&mut self, full: &File) {
        self.reclaimed = false;
        // Without it, the copy can't be saved if its file is removed.
        self.full = full.try_clone().ok();
        if self.unmapped == Unmapped::Punched {
            self.unmapped = Unmapped::Present;
            if let Err(error) = restore_unmapped(&self.path, &self.segments, full) {
                let path = self.path.display();
                tracing::debug!(%error, "{path} is used again without its symbols");
            }
        }
    }

    /// Writes the content to a new file at `path`, for when its own file was removed.
    ///
    /// # Errors
    ///
    /// When the library is not in use, or the file can't be written.
    pub(in crate::load::library) fn write_to(&self, path: &Path) -> io::Result<()> {
        let full = self.full.as_ref().ok_or(io::ErrorKind::NotFound)?;
        write_copy(full, path, |_| ())
    }
}
