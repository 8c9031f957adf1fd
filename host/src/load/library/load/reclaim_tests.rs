use std::io::Write;
use std::os::unix::fs::MetadataExt;

use super::*;

const PAGE: u64 = 4096;
/// The file's own page, in memory.
const CLEAN: u64 = PRESENT | OF_THE_FILE;

#[test]
fn written_pages_are_left_out() {
    let entries = [CLEAN, CLEAN, PRESENT, CLEAN, SWAPPED, 0, CLEAN, SWAPPED, 0];
    let found = runs(0x10_0000, PAGE, &entries);
    let run = |first: u64, end: u64, resident: u64| Run {
        address: 0x10_0000 + first * PAGE..0x10_0000 + end * PAGE,
        resident: resident * PAGE,
    };
    assert_eq!(found, [run(0, 2, 2), run(3, 4, 1), run(5, 7, 1)]);
    assert_eq!(runs(0x10_0000, PAGE, &[]), []);
}

/// A file of 64 pages, of which the headers map the first.
fn file() -> (tempfile::TempDir, std::path::PathBuf, Vec<u8>, Segments) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lib.so");
    let page = page_size();
    let bytes: Vec<u8> = (0..page * 64).map(|at| (at % 251) as u8).collect();
    fs::write(&path, &bytes).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o500)).unwrap();
    let first = super::super::segments::Segment {
        offset: 0,
        address: 0,
        file_size: 100,
        memory_size: 100,
        writable: false,
    };
    (dir, path, bytes, Segments(vec![first]))
}

fn maps(path: &Path, pages: usize) -> Mappings {
    let end = 0x10_0000 + pages * page_size();
    let path = path.to_str().unwrap();
    let line = format!("100000-{end:x} r--p 00000000 fe:00 1 {path}\n");
    Mappings::of(path, &line)
}

#[test]
fn unmapped_part_is_removed_and_restored() {
    let (_dir, path, bytes, segments) = file();
    let page = page_size();
    let whole = fs::metadata(&path).unwrap().blocks();
    let done = punch_unmapped(&path, &segments, &maps(&path, 1)).unwrap();
    assert_eq!(done, Punched::Done(63 * page as u64));
    let cut_bytes = fs::read(&path).unwrap();
    assert_eq!(cut_bytes.len(), bytes.len(), "the length stays");
    assert_eq!(cut_bytes[..page], bytes[..page]);
    assert!(cut_bytes[page..].iter().all(|&byte| byte == 0));
    let metadata = fs::metadata(&path).unwrap();
    assert!(
        metadata.blocks() < whole / 8,
        "{} blocks",
        metadata.blocks()
    );
    assert_eq!(metadata.mode() & 0o7777, 0o500);
    let mut whole = tempfile::tempfile().unwrap();
    whole.write_all(&bytes).unwrap();
    restore_unmapped(&path, &segments, &whole).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o500);
}

#[test]
fn file_mapped_further_than_its_headers_say_is_untouched() {
    let (_dir, path, bytes, segments) = file();
    let done = punch_unmapped(&path, &segments, &maps(&path, 2)).unwrap();
    assert_eq!(done, Punched::InUse);
    let none = Mappings::of("/elsewhere", "");
    assert_eq!(
        punch_unmapped(&path, &segments, &none).unwrap(),
        Punched::InUse
    );
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn unmapped_library_is_not_released() {
    let (_dir, path, _, segments) = file();
    let none = mappings(&path).unwrap();
    assert!(release(&segments, &none).is_err());
}
