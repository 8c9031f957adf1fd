//! Text for messages: quoted words, lists, and the known word closest to a typo.

use log_text::one_line;

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
