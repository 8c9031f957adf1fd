//! Any bytes are a request that round-trips, or are refused; any JSON status can be displayed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stackup::process::control::{Request, status_text};

/// Some time in 2033: events may lie long before it or after it.
const NOW: u64 = 2_000_000_000_000;

fuzz_target!(|bytes: &[u8]| {
    match Request::parse(bytes) {
        Ok(request) => {
            let line = request.line();
            assert_eq!(line.find('\n'), Some(line.len() - 1));
            assert_eq!(Request::parse(line.as_bytes()), Ok(request));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let Ok(status) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let text = status_text(&status, NOW);
    assert!(!text.is_empty());
    // A path is chosen by the client: it must not control the terminal.
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
});
