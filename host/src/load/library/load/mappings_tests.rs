use super::*;

const LIB: &str = "/run/my dir/lib.so";

const MAPS: &str = "\
55d0c0a00000-55d0c0b00000 r--p 00000000 fe:00 12                         /usr/bin/stackup
7f0000000000-7f0000003000 r--p 00000000 fe:00 99                         /run/my dir/lib.so
7f0000003000-7f0000007000 r-xp 00002000 fe:00 99                         /run/my dir/lib.so
7f0000007000-7f0000008000 r--p 00005000 fe:00 99                         /run/my dir/lib.so
7f0000008000-7f000000a000 rw-p 00005000 fe:00 99                         /run/my dir/lib.so
7f000000a000-7f000000c000 rw-p 00000000 00:00 0 
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
";

fn pages() -> [Pages; 2] {
    let constants = Pages {
        address: 0..0x3000,
        offset: 0,
    };
    let text = Pages {
        address: 0x3000..0x7000,
        offset: 0x2000,
    };
    [constants, text]
}

#[test]
fn mapped_pages_are_found() {
    let mappings = Mappings::of(LIB, MAPS);
    let place = mappings.place(&pages()).unwrap();
    assert_eq!(
        place,
        [
            0x7f00_0000_0000..0x7f00_0000_3000,
            0x7f00_0000_3000..0x7f00_0000_7000
        ]
    );
    assert_eq!(mappings.end(), Some(0x7000));
}

#[test]
fn other_and_deleted_files_do_not_match() {
    for path in ["/run/my", "lib.so", "/run/my dir/lib.s"] {
        assert_eq!(Mappings::of(path, MAPS).end(), None, "{path}");
    }
    let deleted = MAPS.replace("lib.so", "lib.so (deleted)");
    let mappings = Mappings::of(LIB, &deleted);
    assert_eq!((mappings.end(), mappings.place(&pages())), (None, None));
}

#[test]
fn mapping_unlike_the_headers_is_not_a_place() {
    let changes = [
        // Made writable, shared, cut short, shown from elsewhere, not there.
        (
            "7f0000003000-7f0000007000 r-xp",
            "7f0000003000-7f0000007000 rwxp",
        ),
        (
            "7f0000003000-7f0000007000 r-xp",
            "7f0000003000-7f0000007000 r-xs",
        ),
        (
            "7f0000003000-7f0000007000 r-xp",
            "7f0000003000-7f0000006000 r-xp",
        ),
        ("r-xp 00002000", "r-xp 00003000"),
        (
            "7f0000003000-7f0000007000 r-xp",
            "7e0000003000-7e0000007000 r-xp",
        ),
        ("7f0000000000-7f0000003000 r--p", "nonsense r--p"),
    ];
    for (from, to) in changes {
        let maps = MAPS.replace(from, to);
        assert_ne!(maps, MAPS, "{to}");
        assert_eq!(Mappings::of(LIB, &maps).place(&pages()), None, "{to}");
    }
}

#[test]
fn whole_file_mapped_for_a_backtrace_counts_for_the_end_only() {
    let whole = "7e0000000000-7e0000900000 r--p 00000000 fe:00 99 /run/my dir/lib.so\n";
    let mappings = Mappings::of(LIB, &format!("{whole}{MAPS}"));
    assert_eq!(mappings.end(), Some(0x90_0000));
    assert_eq!(mappings.place(&pages()).unwrap()[0].start, 0x7f00_0000_0000);
}

#[test]
fn library_mapped_twice_has_no_place() {
    let again = MAPS.replace("7f00000", "7e00000");
    let mappings = Mappings::of(LIB, &format!("{again}{MAPS}"));
    assert_eq!(mappings.place(&pages()), None);
}

#[test]
fn empty_pages_have_no_place() {
    assert_eq!(Mappings::of(LIB, MAPS).place(&[]), None);
}
