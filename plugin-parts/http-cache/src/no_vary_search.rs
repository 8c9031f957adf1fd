//! Which parameters of a query select a stored response: `No-Vary-Search`.

use sfv::{BareItem, InnerList, ListEntry};

use crate::fields::Fields;
use crate::targeted::dictionary;

/// The value of `No-Vary-Search`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoVarySearch {
    /// Whether the order of the parameters matters.
    ordered: bool,
    params: Params,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Params {
    /// All but these matter.
    AllBut(Vec<String>),
    /// None but these matters.
    Only(Vec<String>),
}

impl NoVarySearch {
    /// Reads the field; `None` if it is missing or invalid, or says nothing but the default.
    pub fn of(response: &impl Fields) -> Option<Self> {
        let dictionary = dictionary(response, "no-vary-search")?;
        let ordered = match dictionary.get("key-order") {
            None => true,
            Some(entry) => !boolean(entry)?,
        };
        let except = dictionary.get("except");
        let params = match dictionary.get("params") {
            Some(ListEntry::InnerList(list)) => Params::AllBut(strings(list)?),
            Some(entry) if boolean(entry)? => match except {
                Some(ListEntry::InnerList(list)) => Params::Only(strings(list)?),
                Some(_) => return None,
                None => Params::Only(Vec::new()),
            },
            _ => Params::AllBut(Vec::new()),
        };
        // Exceptions are only defined where all others do not matter.
        if except.is_some() && matches!(params, Params::AllBut(_)) {
            return None;
        }
        let this = Self { ordered, params };
        let says_nothing = this.ordered && this.params == Params::AllBut(Vec::new());
        (!says_nothing).then_some(this)
    }

    /// A form of a query that is equal for queries that select the same response.
    pub fn normalize(&self, query: &str) -> String {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        });
        let matters = |name: &[u8]| {
            let named = |list: &[String]| list.iter().any(|known| known.as_bytes() == name);
            match &self.params {
                Params::AllBut(list) => !named(list),
                Params::Only(list) => named(list),
            }
        };
        let mut kept: Vec<_> = pairs.filter(|(name, _)| matters(name)).collect();
        if !self.ordered {
            // Values of one name keep their order.
            kept.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        let pair =
            |(name, value): &(Vec<u8>, Vec<u8>)| format!("{}={}", encoded(name), encoded(value));
        kept.iter().map(pair).collect::<Vec<_>>().join("&")
    }
}

fn boolean(entry: &ListEntry) -> Option<bool> {
    match entry {
        ListEntry::Item(item) => match item.bare_item {
            BareItem::Boolean(value) => Some(value),
            _ => None,
        },
        ListEntry::InnerList(_) => None,
    }
}

/// Names of parameters, which are encoded as in a query.
fn strings(list: &InnerList) -> Option<Vec<String>> {
    let items = list.items.iter().map(|item| match &item.bare_item {
        BareItem::String(text) => String::from_utf8(decoded(text.as_str())).ok(),
        _ => None,
    });
    items.collect()
}

/// Decodes a part of a query as a form does (`application/x-www-form-urlencoded`).
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = match (first, after) {
            (b'%', [high, low, ..]) => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        match hex {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = &after[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    bytes
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

fn encoded(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(*byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;

    fn rule(line: &str) -> Option<NoVarySearch> {
        let fields: List = [("no-vary-search", line)].into_iter().collect();
        NoVarySearch::of(&fields)
    }

    fn same(line: &str, one: &str, other: &str) -> bool {
        let rule = rule(line).unwrap();
        rule.normalize(one) == rule.normalize(other)
    }

    #[test]
    fn named_parameters_do_not_matter() {
        assert!(same("params=(\"utm\")", "a=1&utm=2", "utm=3&a=1"));
        assert!(!same("params=(\"utm\")", "a=1&b=2", "b=2&a=1"));
        assert!(same("params", "a=1", ""));
        assert!(same("params, except=(\"id\")", "id=1&x", "id=1"));
        assert!(!same("params, except=(\"id\")", "id=1", "id=2"));
        assert!(same("key-order", "a=1&b=2", "b=2&a=%31"));
        assert!(!same("key-order", "a=1&a=2", "a=2&a=1"));
        assert!(same("params=(\"%C3%A9\")", "%c3%a9=1", ""));
    }

    #[test]
    fn invalid_field_is_ignored() {
        for odd in [
            "",
            "params=1",
            "params=(1)",
            "params=(\"a\"), except=(\"b\")",
            "except=(\"b\")",
            "params, except",
            "key-order=1",
            "key-order=?0",
            "params=?0",
        ] {
            assert_eq!(rule(odd), None, "{odd}");
        }
    }
}
