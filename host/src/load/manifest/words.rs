//! Text for messages: quoted words, lists, and what a typo or another's name for something means.

use log_text::one_line;

/// Names that people know from elsewhere, and the key that each means here.
pub(super) const OTHER_NAMES: [(&str, &str); 25] = [
    ("client", "client_auth"),
    ("name", "plugin"),
    ("app", "plugin"),
    ("middleware", "plugin"),
    ("options", "config"),
    ("settings", "config"),
    ("args", "config"),
    ("with", "config"),
    ("env", "only"),
    ("environment", "only"),
    ("environments", "only"),
    ("file", "path"),
    ("crate", "path"),
    ("checksum", "sha256"),
    ("sha", "sha256"),
    ("hash", "sha256"),
    ("on_error", "on_failure"),
    ("fallback", "on_failure"),
    ("renew", "reload"),
    ("prefix", "path"),
    ("bind", "listen"),
    ("address", "listen"),
    ("port", "listen"),
    ("middleware", "use"),
    ("app", "run"),
];

/// The candidate that `word` is most likely a typo of, if any is close enough.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let word = word.to_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "`text`", with control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    match text {
        "" => "an empty string".to_owned(),
        // Escaping quotes and backslashes would show another text than the one written.
        _ => format!("`{}`", one_line(text)),
    }
}

/// "`a`, `b` and `c`".
pub(crate) fn list<'w>(words: impl IntoIterator<Item = &'w str>, last: &str) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., tail] => format!("{} {last} {tail}", head.join(", ")),
    }
}
