use std::path::Path;

use stackup_tests::{Host, artifacts};

/// Lines that come at any time, and cargo's progress.
const IGNORED_LINES: [&str; 7] = [
    "error: could not compile ",
    "listening on ",
    "nothing has changed: ",
    "worker ",
    "   Compiling ",
    "    Finished ",
    "    Blocking ",
];

/// `text` without paths, ports, times and fingerprints, which differ between runs.
pub(super) fn normalize(text: &str, folder: &Path, host: &Host) -> String {
    let port = host.address().rsplit_once(':').map_or("", |(_, port)| port);
    let text = text.replace(&*folder.to_string_lossy(), "FOLDER");
    let text = text.replace(&*artifacts::workspace().to_string_lossy(), "STACKUP");
    let text = text.replace(&format!(":{port}"), ":PORT");
    let is_ignored = |line: &&str| IGNORED_LINES.iter().any(|begins| line.starts_with(begins));
    let is_timed = |line: &&str| {
        let timed = [" retired after ", " is now a rollback target"];
        line.starts_with("generation ") && timed.iter().any(|text| line.contains(text))
    };
    let kept = text
        .lines()
        .filter(|line| !is_ignored(line) && !is_timed(line));
    let text: String = kept.map(|line| replace_numbers(line) + "\n").collect();
    // Long times have another unit.
    let text = text.replace(", ready in N s", ", ready in N ms");
    // Styles are not part of the test.
    let mut parts = text.split("<style>");
    let first = parts.next().unwrap_or_default().to_owned();
    let unstyled = |part: &str| {
        part.split_once("</style>")
            .map_or("", |(_, rest)| rest)
            .to_owned()
    };
    parts.fold(first, |text, part| {
        text + "<style>STYLE</style>" + &unstyled(part)
    })
}

/// Removes the colours of a terminal.
pub(super) fn strip_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let uncoloured = |part: &str| part.split_once('m').map_or("", |(_, rest)| rest).to_owned();
    parts.fold(first, |text, part| text + &uncoloured(part))
}

fn replace_numbers(line: &str) -> String {
    let (mut all, mut rest) = (String::new(), line);
    while let Some(at) = rest.find(|char: char| char.is_ascii_alphanumeric()) {
        all.push_str(&rest[..at]);
        let word = &rest[at..];
        let end = word.find(|char: char| !char.is_ascii_alphanumeric() && char != '.');
        let (word, after) = word.split_at(end.unwrap_or(word.len()));
        all.push_str(placeholder(word, &all, after));
        rest = after;
    }
    all + rest
}

/// The placeholder for `word`, or the word itself.
fn placeholder<'a>(word: &'a str, before: &str, after: &str) -> &'a str {
    let is_hex = |char: char| char.is_ascii_digit() || ('a'..='f').contains(&char);
    let has_digit = word.contains(|char: char| char.is_ascii_digit());
    match word.len() {
        12 if has_digit && word.chars().all(is_hex) => return "FINGERPRINT",
        16 if has_digit && word.chars().all(is_hex) => return "HASH",
        _ => {}
    }
    let fraction = word.split_once('.').map(|(_, fraction)| fraction.len());
    let is_time = ["ms", "s"].into_iter().any(|unit| {
        let rest = after
            .strip_prefix(' ')
            .and_then(|after| after.strip_prefix(unit));
        rest.is_some_and(|rest| !rest.starts_with(|char: char| char.is_alphanumeric()))
    });
    // As in `(detect 5.1, cargo 60.2)`, and the number of a thread that panicked.
    let is_lap = fraction == Some(1) && after.starts_with([',', ')']);
    let is_thread = before.ends_with("' (") && after.starts_with(") panicked");
    match word.parse::<f64>().is_ok() && (is_time || is_lap || is_thread) {
        true => "N",
        false => word,
    }
}
