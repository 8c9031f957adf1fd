//! Reclaims the memory and disk space of a library that no generation uses. Its addresses stay mapped.
//!
//! Its code may still be called, by a late waker or a thread-local's destructor: then the pages fault in
//! again from its copy, which keeps everything that is mapped.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;

use super::mappings::Mappings;
use super::segments::Segments;
use crate::services::page_size;

/// In `/proc/self/pagemap`, a page that is the file's own, never written (`PM_FILE`).
const OF_THE_FILE: u64 = 1 << 61;
/// A page that is swapped out, so it was written.
const SWAPPED: u64 = 1 << 62;
/// A page that is in memory.
const PRESENT: u64 = 1 << 63;

/// Where the file at `path` is mapped in this process.
pub(super) fn mappings(path: &Path) -> io::Result<Mappings> {
    let path = path
        .to_str()
        .ok_or_else(|| unexpected("its path is not valid UTF-8"))?;
    let maps = fs::read("/proc/self/maps")?;
    Ok(Mappings::of(path, &String::from_utf8_lossy(&maps)))
}

/// Drops the library's pages that were never written. Returns how many bytes of them were resident.
///
/// # Errors
///
/// When it is not mapped as its headers say, or the system does not report its pages. Then nothing has
/// been dropped.
pub(super) fn release(segments: &Segments, mappings: &Mappings) -> io::Result<u64> {
    let page = page_size() as u64;
    let pages = segments.never_written(page);
    let places = pages.and_then(|pages| mappings.place(&pages));
    let places = places.ok_or_else(|| unexpected("it is not mapped as its headers say"))?;
    let mut clean = Vec::new();
    for place in places {
        let entries = pagemap(&place, page)?;
        clean.push(runs(place.start, page, &entries));
    }
    let mut resident = 0;
    for run in clean.into_iter().flatten() {
        drop_pages(&run.address)?;
        resident += run.resident;
    }
    Ok(resident)
}

/// Contiguous pages that may be dropped.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    address: Range<u64>,
    /// How many bytes of it are in memory.
    resident: u64,
}

/// The pages from `start` on that are the same as in the file. Any other page was written, for example by
/// a debugger or for a text relocation, and exists nowhere else.
fn runs(start: u64, page: u64, entries: &[u64]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (address, entry) in (start..).step_by(page as usize).zip(entries) {
        let present = entry & PRESENT != 0;
        if entry & SWAPPED != 0 || (present && entry & OF_THE_FILE == 0) {
            continue;
        }
        let resident = if present { page } else { 0 };
        match runs.last_mut().filter(|run| run.address.end == address) {
            Some(run) => {
                run.address.end += page;
                run.resident += resident;
            }
            None => runs.push(Run {
                address: address..address + page,
                resident,
            }),
        }
    }
    runs.retain(|run| run.resident > 0);
    runs
}

fn pagemap(place: &Range<u64>, page: u64) -> io::Result<Vec<u64>> {
    let count = usize::try_from((place.end - place.start) / page).map_err(io::Error::other)?;
    let mut bytes = vec![0; count * 8];
    File::open("/proc/self/pagemap")?.read_exact_at(&mut bytes, place.start / page * 8)?;
    let words = bytes.as_chunks::<8>().0.iter();
    Ok(words.map(|word| u64::from_ne_bytes(*word)).collect())
}

#[cfg(target_os = "linux")]
fn drop_pages(address: &Range<u64>) -> io::Result<()> {
    use rustix::mm::{Advice, madvise};

    let start = usize::try_from(address.start).map_err(io::Error::other)?;
    let len = usize::try_from(address.end - address.start).map_err(io::Error::other)?;
    let start = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: these are whole pages of a private, read-only mapping of the library's own copy
    // (`Mapping::holds`), which is never unmapped, since no library is. None of them differs from the
    // file: pages that were written are left out (`runs`), and so are all pages of segments that the
    // loader may write, relocations included (`Segments`). So the next access by any thread, even one
    // that executes there now, faults in the same bytes: the file is private and read-only, and its
    // mapped part stays (`punch_unmapped`).
    unsafe { madvise(start, len, Advice::LinuxDontNeed)? };
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn drop_pages(_: &Range<u64>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Punches a hole into the file at `path` after its mapped part, and returns the hole's size in bytes.
/// Does nothing while something else in this process maps that part, or the file is saved
/// (`LibraryStore`).
///
/// The file keeps its length: an access beyond a file's end is SIGBUS, one in a hole reads zeros. Code that
/// maps the file at this very moment, as std does for a backtrace, can't be excluded by a check before.
///
/// # Errors
///
/// When no hole can be punched, for example on a filesystem without holes.
pub(super) fn punch_unmapped(
    path: &Path,
    segments: &Segments,
    mappings: &Mappings,
) -> io::Result<Punched> {
    let page = page_size() as u64;
    let end = segments
        .end(page)
        .ok_or_else(|| unexpected("its headers are inconsistent"))?;
    if mappings.end().is_none_or(|mapped| mapped > end) {
        return Ok(Punched::InUse);
    }
    let file = writable(path)?;
    let facts = file.metadata()?;
    if facts.nlink() > 1 {
        return Ok(Punched::InUse);
    }
    let Some(rest) = facts.len().checked_sub(end) else {
        return Err(unexpected("it was truncated"));
    };
    if rest > 0 {
        punch(&file, end, rest)?;
    }
    Ok(Punched::Done(rest))
}

/// The outcome of [`punch_unmapped`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Punched {
    /// This many bytes were removed.
    Done(u64),
    /// They are mapped, or may still be needed.
    InUse,
}

/// Restores what [`punch_unmapped`] removed from the file at `path`, from `full`, which has the whole content.
pub(super) fn restore_unmapped(
    path: &Path,
    segments: &Segments,
    mut full: &File,
) -> io::Result<()> {
    let page = page_size() as u64;
    let end = segments
        .end(page)
        .ok_or_else(|| unexpected("its headers are inconsistent"))?;
    let mut file = writable(path)?;
    full.seek(SeekFrom::Start(end))?;
    file.seek(SeekFrom::Start(end))?;
    io::copy(&mut full, &mut file)?;
    Ok(())
}

/// Opens a copy for writing; its permissions are read-only otherwise.
fn writable(path: &Path) -> io::Result<File> {
    let before = fs::symlink_metadata(path)?;
    if !before.is_file() {
        return Err(unexpected("it is not a regular file any more"));
    }
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    let file = OpenOptions::new().write(true).open(path);
    fs::set_permissions(path, before.permissions())?;
    file
}

#[cfg(target_os = "linux")]
fn punch(file: &File, offset: u64, len: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};

    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(fallocate(file, hole, offset, len)?)
}

#[cfg(not(target_os = "linux"))]
fn punch(_: &File, _: u64, _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn unexpected(why: &str) -> io::Error {
    io::Error::other(why)
}

#[cfg(test)]
#[path = "reclaim_tests.rs"]
mod tests;
