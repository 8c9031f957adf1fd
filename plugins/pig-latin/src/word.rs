//! One word of pig latin.

/// Translates a word: what stands before its first vowel goes to its end, then `ay`; `way` where
/// nothing does. Capitals stay where they were.
pub(crate) fn translate(word: &str, out: &mut String) {
    let letters: Vec<char> = word.chars().collect();
    // Scripts without capitals have no vowels of this kind either.
    if !letters.iter().any(|c| c.is_lowercase() || c.is_uppercase()) {
        return out.push_str(word);
    }
    let shouts = letters.len() > 1 && letters.iter().all(|c| !c.is_lowercase());
    let starts_upper = letters.first().is_some_and(|c| c.is_uppercase());
    let (head, tail) = letters.split_at(onset(&letters));
    let ending = match (head.is_empty(), shouts) {
        (true, false) => "way",
        (true, true) => "WAY",
        (false, false) => "ay",
        (false, true) => "AY",
    };
    let moved = starts_upper && !shouts && !head.is_empty() && !tail.is_empty();
    match tail.split_first() {
        Some((first, rest)) if moved => {
            out.extend(first.to_uppercase());
            out.extend(rest);
            out.extend(head[0].to_lowercase());
            out.extend(&head[1..]);
        }
        _ => {
            out.extend(tail);
            out.extend(head);
        }
    }
    out.push_str(ending);
}

/// How many letters stand before the first vowel: `y` is one but at the beginning, `qu` is none.
fn onset(letters: &[char]) -> usize {
    let vowel = |at: usize| match letters[at].to_ascii_lowercase() {
        'u' => at == 0 || !letters[at - 1].eq_ignore_ascii_case(&'q'),
        'y' => at > 0,
        letter => is_vowel(letter),
    };
    (0..letters.len())
        .find(|&at| vowel(at))
        .unwrap_or(letters.len())
}

fn is_vowel(letter: char) -> bool {
    "aeiouáàâäãåæéèêëíìîïóòôöõøœúùûü".contains(letter.to_lowercase().next().unwrap_or(letter))
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn words() {
        let cases = [
            ("hello", "ellohay"),
            ("Hello", "Ellohay"),
            ("HELLO", "ELLOHAY"),
            ("string", "ingstray"),
            ("quick", "ickquay"),
            ("Squire", "Iresquay"),
            ("apple", "appleway"),
            ("Apple", "Appleway"),
            ("I", "Iway"),
            ("yes", "esyay"),
            ("rhythm", "ythmrhay"),
            ("McCoy", "OymcCay"),
            ("don't", "on'tday"),
            ("hmm", "hmmay"),
            ("Hmm", "Hmmay"),
            ("Éclair", "Éclairway"),
            ("straße", "aßestray"),
            ("日本", "日本"),
        ];
        for (word, latin) in cases {
            let mut out = String::new();
            translate(word, &mut out);
            assert_eq!(out, latin, "{word}");
        }
    }
}
