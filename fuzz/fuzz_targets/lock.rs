//! Any text is a lock that round-trips, or is refused with a message that can be displayed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stackup::load::lock::parse;

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(lock) => assert_eq!(parse(&lock.to_string()), Ok(lock)),
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty());
            assert!(
                !text.contains(|c: char| c.is_control() && c != '\n'),
                "{text:?}"
            );
        }
    }
});
