//! Any lines are messages between supervisor and worker that round-trip, or an error ends the reading.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use stackup::process::ipc::{Command, Event, WorkerConfig, read_lines};

fuzz_target!(|bytes: &[u8]| {
    round_trips::<Command>(bytes);
    round_trips::<Event>(bytes);
    round_trips::<WorkerConfig>(bytes);
});

fn round_trips<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let mut count = 0;
    let end = read_lines(bytes, |message: T| {
        reads_back(&message);
        count += 1;
        true
    });
    assert!(end.err().is_none_or(|error| !error.to_string().is_empty()));
    let mut first = 0;
    let _ = read_lines(bytes, |_: T| {
        first += 1;
        false
    });
    assert_eq!(first, count.min(1));
}

fn reads_back<T: Serialize + DeserializeOwned>(message: &T) {
    let line = serde_json::to_string(message).unwrap_or_default();
    assert!(!line.is_empty() && !line.contains('\n'));
    let again: Result<T, _> = serde_json::from_str(&line);
    let again = again.map(|again| serde_json::to_value(again).ok());
    let once: Option<Value> = serde_json::from_str(&line).ok();
    assert_eq!(again.ok(), Some(once));
}
