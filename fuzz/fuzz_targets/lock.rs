//! Any text is a lock that reads back as it is written, or is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stackup::lock::parse;

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(lock) => assert_eq!(parse(&lock.to_string()), Ok(lock)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
