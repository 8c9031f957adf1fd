//! Any bytes are a request that reads back as it is written, or are refused; any JSON can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stackup::process::control::{Request, status_text};

/// Some time in 2033: what is said to have happened may be long ago or yet to come.
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
    // A path comes from whoever asks for it: it must not move a terminal's cursor.
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
});
