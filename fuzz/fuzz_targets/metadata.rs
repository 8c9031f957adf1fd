//! Any bytes are parsed as a library with metadata or refused, and every value can be displayed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stackup::load::library::{Metadata, describe};

fuzz_target!(|bytes: &[u8]| {
    // The section alone as well: a fuzzer seldom generates a whole library.
    let section = Metadata::parse(bytes);
    let library = describe(bytes);
    for error in [
        section.as_ref().err().map(ToString::to_string),
        library.as_ref().err().map(ToString::to_string),
    ] {
        assert!(error.is_none_or(|text| !text.is_empty()));
    }
    for metadata in [section.ok(), library.ok()].into_iter().flatten() {
        assert!(!metadata.handlers.is_empty());
        let _ = metadata.check_compatibility("0.1.0");
    }
});
