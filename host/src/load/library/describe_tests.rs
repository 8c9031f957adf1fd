use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use object::Architecture;
use proptest::prelude::*;

use super::*;
use crate::load::library::sample::{self, SECTION};

/// A real library, built by rustc, with metadata; the tests damage copies of it.
static REAL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let (source, out) = (dir.path().join("lib.rs"), dir.path().join("lib.so"));
    let section = if cfg!(target_os = "macos") {
        "__DATA,__stackup"
    } else {
        ".stackup"
    };
    let len = SECTION.len();
    let text = format!(
        "#[used] #[unsafe(link_section = {section:?})] static S: [u8; {len}] = *b{SECTION:?};"
    );
    fs::write(&source, text).unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
    rustc.args([
        "--edition=2024",
        "--crate-type=cdylib",
        "--crate-name=sample",
        "-o",
    ]);
    assert!(rustc.arg(&out).arg(&source).status().unwrap().success());
    fs::read(out).unwrap()
});

fn plugin() -> Vec<u8> {
    sample::library(&[(ELF_SECTION, SECTION.as_bytes())])
}

fn refused(bytes: &[u8]) -> String {
    describe(bytes).unwrap_err().to_string()
}

#[test]
fn rustc_library_is_described() {
    assert_eq!(describe(&REAL).unwrap(), sample::metadata());
}

#[test]
fn other_file_types_are_named() {
    assert_eq!(refused(b""), "the file is empty: build or copy it again");
    assert_eq!(refused(b"use = [\"logger\"]"), "not a library, but text");
    assert!(refused(b"!<arch>\n/").starts_with("not a library, but an archive"));
    assert!(refused(b"MZ\x90\0\x03").starts_with("not a library, but a Windows program"));
}

#[test]
#[cfg(target_os = "linux")]
fn executable_is_refused() {
    let this = fs::read("/proc/self/exe").unwrap();
    assert!(matches!(describe(&this), Err(DescribeError::Executable)));
}

#[test]
#[cfg(target_os = "linux")]
fn other_object_kinds_are_named() {
    assert_eq!(describe(&plugin()).unwrap(), sample::metadata());
    let library = sample::library(&[(".other", b"x")]);
    assert!(matches!(describe(&library), Err(DescribeError::NotAPlugin)));
    let object = sample::object_file(Architecture::X86_64, &[]);
    if cfg!(target_arch = "x86_64") {
        assert!(refused(&object).starts_with("an object file (.o), not a library"));
    }
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn other_targets_are_named() {
    let other = sample::object_file(Architecture::Aarch64, &[]);
    let error = refused(&other);
    assert!(
        error.starts_with("built for aarch64 (ELF, as on Linux, 64 bit"),
        "{error}"
    );
    assert!(error.contains("this host is x86_64"), "{error}");
    let narrow = sample::object_file(Architecture::I386, &[]);
    assert!(refused(&narrow).contains("32 bit"));
    let mac = object::write::Object::new(
        object::BinaryFormat::MachO,
        Architecture::X86_64,
        object::Endianness::Little,
    );
    assert!(refused(&mac.write().unwrap()).contains("Mach-O, as on macOS"));
}

#[test]
fn invalid_metadata_is_reported() {
    let library = sample::library(&[(ELF_SECTION, b"stackup-plugin=9\n")]);
    assert!(refused(&library).contains("stackup-plugin=9"));
}

#[test]
fn truncated_library_is_damaged() {
    // Every length near both ends, and a sample of those between.
    let len = REAL.len();
    let between = (0..len).step_by(len / 500 + 1);
    for cut in (1..200).chain(between.skip(1)).chain(len - 200..len) {
        let error = describe(&REAL[..cut]).expect_err("a truncated library is described");
        let magic_is_whole = cut >= 4;
        if magic_is_whole {
            assert!(
                matches!(error, DescribeError::Damaged(_)),
                "at {cut} of {len}: {error}"
            );
        }
    }
}

#[test]
fn segment_beyond_the_end_is_damaged() {
    // The file size of the first program header, in a 64-bit ELF file right after the header.
    if cfg!(all(target_os = "linux", target_pointer_width = "64")) {
        let mut bytes = REAL.clone();
        let filesz = 64 + 32;
        bytes[filesz..filesz + 8].copy_from_slice(&u64::MAX.to_ne_bytes());
        assert!(matches!(describe(&bytes), Err(DescribeError::Damaged(_))));
        bytes[filesz..filesz + 8].copy_from_slice(&(REAL.len() as u64).to_ne_bytes());
        assert!(matches!(describe(&bytes), Err(DescribeError::Damaged(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_after_the_magic_never_panic(bytes: Vec<u8>, class in 0_u8..4, order in 0_u8..4) {
        let _ = describe(&[&b"\x7fELF"[..], &[class, order, 1], &bytes].concat());
        let _ = describe(&[&b"\xcf\xfa\xed\xfe"[..], &bytes].concat());
    }

    #[test]
    fn flipped_bits_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..30),
        header in prop::collection::vec((0_usize..800, 0_u8..8), 0..4),
    ) {
        let mut bytes = REAL.clone();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        for (at, bit) in header {
            bytes[at] ^= 1 << bit;
        }
        let _ = describe(&bytes);
    }

    #[test]
    fn damaged_small_library_never_panics(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = plugin();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = describe(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = describe(&bytes);
    }
}
