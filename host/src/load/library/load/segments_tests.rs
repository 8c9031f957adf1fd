use proptest::prelude::*;

use super::*;
use crate::load::library::sample;

const PAGE: u64 = 4096;

fn segment(offset: u64, address: u64, size: u64, writable: bool) -> Segment {
    Segment {
        offset,
        address,
        file_size: size,
        memory_size: size,
        writable,
    }
}

fn pages(address: Range<u64>, offset: u64) -> Pages {
    Pages { address, offset }
}

#[test]
fn text_and_constants_are_never_written() {
    // As lld lays a library out: the same page of the file is mapped at the end of one segment and
    // at the beginning of the next.
    let mut data = segment(0x5800, 0x8800, 0x900, true);
    data.memory_size = 0x3000;
    let segments = Segments(vec![
        segment(0, 0, 0x2100, false),
        segment(0x2100, 0x3100, 0x3000, false),
        segment(0x5100, 0x7100, 0x700, true),
        data,
    ]);
    assert_eq!(
        segments.never_written(PAGE).unwrap(),
        [pages(0..0x3000, 0), pages(0x3000..0x7000, 0x2000)]
    );
    assert_eq!(segments.end(PAGE), Some(0x7000));
    assert_eq!(segments.span(PAGE), Some(0xc000));
}

#[test]
fn page_shared_with_a_writable_segment_is_excluded() {
    // Pages of 64 KiB under a library laid out for pages of 4.
    let segments = Segments(vec![
        segment(0, 0, 0x2_0800, false),
        segment(0x2_1000, 0x2_1000, 0x1000, true),
        segment(0x2_2000, 0x2_2000, 0x2_0000, false),
    ]);
    assert_eq!(
        segments.never_written(0x1_0000).unwrap(),
        [pages(0..0x2_0000, 0), pages(0x3_0000..0x5_0000, 0x3_0000)]
    );
}

#[test]
fn segment_cleared_by_the_loader_counts_as_written() {
    let mut constants = segment(0, 0, 0x1100, false);
    constants.memory_size = 0x2000;
    let segments = Segments(vec![constants]);
    assert_eq!(segments.never_written(PAGE), Some(Vec::new()));
}

#[test]
fn inconsistent_headers_yield_none() {
    let skewed = Segments(vec![segment(0x100, 0x200, 0x1000, false)]);
    assert_eq!(skewed.never_written(PAGE), None);
    let endless = Segments(vec![segment(!0xfff, 0, 0x2000, false)]);
    assert_eq!(endless.end(PAGE), None);
    let high = Segments(vec![segment(0, !0xfff, 0x2000, false)]);
    assert_eq!(high.never_written(PAGE), None);
    let empty = Segments::default();
    assert_eq!(
        (empty.end(PAGE), empty.never_written(PAGE)),
        (None, Some(Vec::new()))
    );
    assert_eq!(
        Segments(vec![segment(0, 0, 0, false)]).never_written(PAGE),
        Some(Vec::new())
    );
}

#[test]
fn only_elf_files_have_segments() {
    let own = std::env::current_exe().unwrap();
    let segments = Segments::of(&File::open(&own).unwrap());
    let own = std::fs::read(own).unwrap();
    assert!(segments.0.iter().any(|segment| segment.writable));
    assert!(!segments.never_written(PAGE).unwrap().is_empty());
    assert!(
        segments.end(PAGE).unwrap() < own.len() as u64,
        "debug info follows"
    );
    for len in [0, 3, 63, 64, 200] {
        assert_eq!(
            Segments::read(&own[..len]),
            Segments::default(),
            "{len} bytes"
        );
    }
    assert_eq!(Segments::read(&b"#!/bin/sh\n"[..]), Segments::default());
    // No program headers.
    assert_eq!(
        Segments::read(&sample::library(&[])[..]),
        Segments::default()
    );
}

proptest! {
    #[test]
    fn writable_and_mapped_parts_are_never_reclaimed(
        all in prop::collection::vec(
            (0u64..64, 0u64..64, 0u64..0x1000, 0u64..0x6000, 0u64..0x6000, any::<bool>()), 0..6
        ),
    ) {
        let segments = Segments(all.into_iter().map(|(offset, address, within, file, more, writable)| {
            Segment {
                offset: offset * PAGE + within,
                address: address * PAGE + within,
                file_size: file,
                memory_size: file + if writable { more } else { 0 },
                writable,
            }
        }).collect());
        let clean = segments.never_written(PAGE).unwrap();
        for pages in &clean {
            prop_assert_eq!((pages.address.start % PAGE, pages.address.end % PAGE), (0, 0));
            for segment in segments.0.iter().filter(|s| s.writable && s.memory_size > 0) {
                let first = segment.address / PAGE * PAGE;
                let end = (segment.address + segment.memory_size).next_multiple_of(PAGE);
                prop_assert!(pages.address.end <= first || end <= pages.address.start);
            }
            let len = pages.address.end - pages.address.start;
            prop_assert!(pages.offset + len <= segments.end(PAGE).unwrap());
        }
        for segment in &segments.0 {
            prop_assert!(segment.offset + segment.file_size <= segments.end(PAGE).unwrap());
        }
    }
}
