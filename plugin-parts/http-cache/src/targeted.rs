//! Targeted fields such as `CDN-Cache-Control` (RFC 9213): dictionaries of structured fields.

use sfv::{BareItem, Dictionary, ListEntry, Parser};

use crate::fields::Fields;

/// A targeted field that is present, valid and not empty.
#[derive(Debug, Clone)]
pub struct TargetedField(Vec<(String, Member)>);

/// The value of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Member {
    Yes,
    No,
    Number(i64),
    Text(String),
    /// A type that no directive has.
    Other,
}

impl TargetedField {
    /// Reads the field `name`. One that is empty or does not parse is ignored as a whole (RFC 9213 §2.2).
    pub fn parse(fields: &impl Fields, name: &str) -> Option<Self> {
        let dictionary = dictionary(fields, name)?;
        let members = dictionary.into_iter().map(|(key, entry)| {
            let member = match entry {
                ListEntry::Item(item) => Member::of(item.bare_item),
                ListEntry::InnerList(_) => Member::Other,
            };
            (key.as_str().to_owned(), member)
        });
        Some(Self(members.collect()))
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &Member)> {
        self.0.iter().map(|(name, member)| (&name[..], member))
    }
}

impl Member {
    fn of(item: BareItem) -> Self {
        match item {
            BareItem::Boolean(true) => Self::Yes,
            BareItem::Boolean(false) => Self::No,
            BareItem::Integer(value) => Self::Number(value.into()),
            BareItem::String(text) => Self::Text(text.into()),
            _ => Self::Other,
        }
    }
}

/// A field that is a dictionary; `None` if it is missing, empty or invalid.
pub(crate) fn dictionary(fields: &impl Fields, name: &str) -> Option<Dictionary> {
    let text = joined(fields, name)?;
    let dictionary: Dictionary = Parser::new(&text).parse().ok()?;
    (!dictionary.is_empty()).then_some(dictionary)
}

/// All lines of a field as one (RFC 9651 §4.2).
pub(crate) fn joined(fields: &impl Fields, name: &str) -> Option<Vec<u8>> {
    let mut lines = fields.lines(name);
    let mut text = lines.next()?.to_vec();
    for line in lines {
        text.extend_from_slice(b", ");
        text.extend_from_slice(line);
    }
    Some(text)
}
