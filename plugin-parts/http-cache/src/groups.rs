//! Cache groups: tags by which an origin invalidates (RFC 9875).

use sfv::{BareItem, ListEntry, Parser};

use crate::fields::Fields;
use crate::targeted::joined;

/// A cache must know so many groups of a response, each of so many characters (§2).
const MOST: usize = 64;
const LONGEST: usize = 128;

/// The groups that a response belongs to: `Cache-Groups`.
pub fn cache_groups(response: &impl Fields) -> Vec<String> {
    strings(response, "cache-groups")
}

/// The groups that a response invalidates: `Cache-Group-Invalidation` (§3). It counts on responses to unsafe requests only.
pub fn invalidated_groups(response: &impl Fields) -> Vec<String> {
    strings(response, "cache-group-invalidation")
}

/// A list of strings. A member of another type is left out, parameters are ignored.
fn strings(fields: &impl Fields, name: &str) -> Vec<String> {
    let list = joined(fields, name).and_then(|text| Parser::new(&text).parse::<sfv::List>().ok());
    let entries = list.into_iter().flatten();
    let strings = entries.filter_map(|entry| match entry {
        ListEntry::Item(item) => match item.bare_item {
            BareItem::String(text) => Some(String::from(text)),
            _ => None,
        },
        ListEntry::InnerList(_) => None,
    });
    let fits = |text: &String| text.len() <= LONGEST;
    strings.filter(fits).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;

    #[test]
    fn groups_are_strings_in_their_case() {
        let of = |lines: &[&str]| {
            let fields: List = lines.iter().map(|line| ("cache-groups", *line)).collect();
            cache_groups(&fields)
        };
        assert_eq!(of(&["\"a\", \"B\";x=1", "\"c\""]), ["a", "B", "c"]);
        assert_eq!(of(&["a, \"b\", 7, (\"c\")"]), ["b"]);
        assert!(of(&["\"a"]).is_empty());
        assert!(of(&[]).is_empty());
    }
}
