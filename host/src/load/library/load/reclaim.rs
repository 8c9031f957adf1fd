//! Rest for a library that no generation uses: its memory and disk go back, its addresses stay.
//!
//! Its code may still be called, by a waker or a thread-local's destructor that came late: then the
//! pages fault in again from its copy, of which all stays that is mapped.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;

use super::mappings::Mappings;
use super::segments::Segments;

/// A page that is of the file, untouched (`PM_FILE`), in `/proc/self/pagemap`.
const OF_THE_FILE: u64 = 1 << 61;
/// A page that is swapped out: it was written.
const SWAPPED: u64 = 1 << 62;
/// A page that is in memory.
const PRESENT: u64 = 1 << 63;

/// What the file at `path` is mapped to in this process.
pub(super) fn mappings(path: &Path) -> io::Result<Mappings> {
    let path = path.to_str().ok_or_else(|| odd("its path is no text"))?;
    let maps = fs::read("/proc/self/maps")?;
    Ok(Mappings::of(path, &String::from_utf8_lossy(&maps)))
}

/// Gives back the pages of the library that were never written. Returns how many bytes were resident.
///
/// # Errors
///
/// When it is not mapped as its headers say, or the system does not tell of its pages; then
/// nothing has happened.
pub(super) fn release(segments: &Segments, mappings: &Mappings) -> io::Result<u64> {
    let page = rustix::param::page_size() as u64;
    let pages = segments.never_written(page);
    let places = pages.and_then(|pages| mappings.place(&pages));
    let places = places.ok_or_else(|| odd("it is not mapped as its headers say"))?;
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

/// Neighbouring pages that may be dropped.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    address: Range<u64>,
    /// Bytes of it that are in memory.
    resident: u64,
}

/// The pages from `start` on that are as the file has them. One that is not was written, as by a
/// debugger or for a text relocation, and has no other place.
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
    // SAFETY: whole pages of a private mapping of the library's own copy, which nobody may write
    // (`Mapping::holds`) and which is never unmapped, since no library is. None of them differs from
    // the file (`runs`): a page that was written is no page of the file any more and is not in here,
    // and all of a segment that the loader may write, relocations included, is not (`Segments`).
    // So the next access, of any thread, also of one that runs there now, faults in the same bytes:
    // the file is private, read-only, and all of it that is mapped stays (`cut`).
    unsafe { madvise(start, len, Advice::LinuxDontNeed)? };
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn drop_pages(_: &Range<u64>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Takes from the file at `path` what lies behind the mapped part, and returns how many bytes; none
/// while something else of this process has that mapped, or the file is kept (`LibraryStore`).
///
/// The file keeps its length, with a hole: a read behind a file's end is SIGBUS, one in a hole is zero,
/// and who maps the file at this moment, as std does for a backtrace, is not stopped by a look before.
///
/// # Errors
///
/// When the file can't be cut, as on a filesystem without holes.
pub(super) fn punch_unmapped(
    path: &Path,
    segments: &Segments,
    mappings: &Mappings,
) -> io::Result<Punched> {
    let page = rustix::param::page_size() as u64;
    let end = segments
        .end(page)
        .ok_or_else(|| odd("its headers make no sense"))?;
    if mappings.end().is_none_or(|mapped| mapped > end) {
        return Ok(Punched::InUse);
    }
    let file = writable(path)?;
    let facts = file.metadata()?;
    if facts.nlink() > 1 {
        return Ok(Punched::InUse);
    }
    let Some(rest) = facts.len().checked_sub(end) else {
        return Err(odd("it has lost bytes"));
    };
    if rest > 0 {
        punch(&file, end, rest)?;
    }
    Ok(Punched::Done(rest))
}

/// How a cut ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Punched {
    /// These bytes are gone.
    Done(u64),
    /// Somebody reads them, or may want to.
    InUse,
}

/// Puts back what was cut from the file at `path`, of which `whole` has all.
pub(super) fn restore_unmapped(
    path: &Path,
    segments: &Segments,
    mut whole: &File,
) -> io::Result<()> {
    let page = rustix::param::page_size() as u64;
    let end = segments
        .end(page)
        .ok_or_else(|| odd("its headers make no sense"))?;
    let mut file = writable(path)?;
    whole.seek(SeekFrom::Start(end))?;
    file.seek(SeekFrom::Start(end))?;
    io::copy(&mut whole, &mut file)?;
    Ok(())
}

/// Opens a copy, which is read-only to all but this.
fn writable(path: &Path) -> io::Result<File> {
    let before = fs::symlink_metadata(path)?;
    if !before.is_file() {
        return Err(odd("something else has its place"));
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

fn odd(why: &str) -> io::Error {
    io::Error::other(why)
}

#[cfg(test)]
#[path = "reclaim_tests.rs"]
mod tests;
