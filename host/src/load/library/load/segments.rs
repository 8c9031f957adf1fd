//! Which parts of an ELF file the loader maps, and which of them it never writes. Pure.

use std::fs::File;
use std::ops::Range;

use object::elf::{FileHeader32, FileHeader64, PF_W, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind, ReadCache, ReadRef};

/// A `PT_LOAD` segment: a part of the file that is mapped. Addresses are relative to the load bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) file_size: u64,
    pub(super) memory_size: u64,
    pub(super) writable: bool,
}

/// The mapped segments of a library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Segments(pub(super) Vec<Segment>);

/// Whole pages, and their offset in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pages {
    /// Relative to the load bias.
    pub(super) address: Range<u64>,
    pub(super) offset: u64,
}

impl Segments {
    /// The segments of an ELF library; empty for any other file.
    pub(super) fn of(file: &File) -> Self {
        Self::read(&ReadCache::new(file))
    }

    fn read<'a>(bytes: impl ReadRef<'a>) -> Self {
        match FileKind::parse(bytes) {
            Ok(FileKind::Elf32) => read::<FileHeader32<Endianness>>(bytes),
            Ok(FileKind::Elf64) => read::<FileHeader64<Endianness>>(bytes),
            _ => None,
        }
        .unwrap_or_default()
    }

    /// The end of the last page mapped from the file. What follows is for debuggers only.
    pub(super) fn end(&self, page: u64) -> Option<u64> {
        let ends = self.0.iter().map(|s| s.offset.checked_add(s.file_size));
        let last = ends.collect::<Option<Vec<_>>>()?.into_iter().max()?;
        last.checked_next_multiple_of(page)
    }

    /// The bytes of address space from its first page to its last: the loader reserves them as a whole.
    pub(super) fn span(&self, page: u64) -> Option<u64> {
        let pages = self.0.iter().map(|segment| segment.pages(page));
        let pages = pages.collect::<Option<Vec<_>>>()?;
        let start = pages.iter().map(|pages| pages.address.start).min()?;
        let end = pages.iter().map(|pages| pages.address.end).max()?;
        end.checked_sub(start)
    }

    /// The pages that stay the same as in the file: text and constants, except pages that hold a byte of a
    /// writable segment. Relocated constants are in a writable segment.
    ///
    /// `None` if the headers are inconsistent.
    pub(super) fn never_written(&self, page: u64) -> Option<Vec<Pages>> {
        let mut written = Vec::new();
        let mut clean = Vec::new();
        for segment in &self.0 {
            let pages = segment.pages(page)?;
            if segment.is_written() {
                written.push(pages.address);
            } else if !pages.address.is_empty() {
                clean.push(pages);
            }
        }
        for hole in &written {
            clean = clean.iter().flat_map(|pages| pages.without(hole)).collect();
        }
        Some(clean)
    }
}

impl Segment {
    /// Includes segments whose part beyond the file the loader clears.
    fn is_written(&self) -> bool {
        self.writable || self.memory_size != self.file_size
    }

    fn pages(&self, page: u64) -> Option<Pages> {
        if self.address % page != self.offset % page {
            return None;
        }
        let size = self.memory_size.max(self.file_size);
        let end = self.address.checked_add(size)?;
        let start = self.address - self.address % page;
        Some(Pages {
            address: start..end.checked_next_multiple_of(page)?,
            offset: self.offset - self.offset % page,
        })
    }
}

impl Pages {
    fn without(&self, hole: &Range<u64>) -> Vec<Self> {
        let Range { start, end } = self.address;
        let before = start..end.min(hole.start);
        let after = start.max(hole.end)..end;
        let parts = [before, after].into_iter().filter(|part| !part.is_empty());
        parts
            .map(|address| Self {
                offset: self.offset + (address.start - start),
                address,
            })
            .collect()
    }
}

fn read<'a, Elf: FileHeader<Endian = Endianness>>(bytes: impl ReadRef<'a>) -> Option<Segments> {
    let header = Elf::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let headers = header.program_headers(endian, bytes).ok()?;
    let loads = headers.iter().filter(|h| h.p_type(endian) == PT_LOAD);
    let segment = |h: &Elf::ProgramHeader| Segment {
        offset: h.p_offset(endian).into(),
        address: h.p_vaddr(endian).into(),
        file_size: h.p_filesz(endian).into(),
        memory_size: h.p_memsz(endian).into(),
        writable: h.p_flags(endian).contains(PF_W),
    };
    Some(Segments(loads.map(segment).collect()))
}

#[cfg(test)]
#[path = "segments_tests.rs"]
mod tests;
