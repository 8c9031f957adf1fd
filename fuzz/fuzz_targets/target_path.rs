//! A map covers what `files` opens: one target, its canonical form, and what a location and a file path make of it.
//!
//! The first line is the target's path, the second a location.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use served_files::FilePath;
use stackup_plugin::path::{PathPrefix, canonical};

fuzz_target!(|text: &str| {
    let (target, location) = text.split_once('\n').unwrap_or((text, "/a"));
    let Ok(path) = canonical(target) else { return };
    assert!(matches!(canonical(&path), Ok(Cow::Borrowed(_))), "{path}");
    assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
    // Names that no file has: with an encoded slash, or not UTF-8.
    let Ok(opened) = FilePath::decode(&path) else {
        return;
    };
    assert_eq!(opened.names(), names(target), "{target}");
    covers_what_is_below(location, &path, &opened);
    for (at, _) in target.match_indices('/') {
        covers_what_is_below(&target[..at], &path, &opened);
    }
});

fn covers_what_is_below(location: &str, path: &str, opened: &FilePath) {
    let Ok(prefix) = PathPrefix::new(location) else {
        return;
    };
    let Ok(guarded) = FilePath::decode(prefix.as_str()) else {
        return;
    };
    let is_below = opened.names().starts_with(guarded.names());
    assert_eq!(prefix.covers(path), is_below, "{location} {path}");
}

/// The names of a target, found in another way: decoded first, then walked.
fn names(target: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for segment in target.split('/') {
        match &decoded(segment)[..] {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name.to_owned()),
        }
    }
    names
}

fn decoded(segment: &str) -> String {
    let mut pieces = segment.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        bytes.extend(u8::from_str_radix(digits, 16));
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
