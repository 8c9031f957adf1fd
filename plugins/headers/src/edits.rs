//! The changes, checked and parsed once.

use stackup_plugin::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use stackup_plugin::{Error, HeaderName, HeaderValue, HeadersMut, Result};

use crate::config::{Changes, Fields, Values};

/// The server frames messages: a wrong value would make one response look like two.
const FRAMING: [HeaderName; 2] = [CONTENT_LENGTH, TRANSFER_ENCODING];

/// Changes to the headers of one message.
#[derive(Default)]
pub(crate) struct Edits {
    remove: Vec<HeaderName>,
    append: Vec<(HeaderName, HeaderValue)>,
}

impl Edits {
    /// Adds `changes`, which are at `path` in the config.
    pub(crate) fn add(&mut self, path: &str, changes: Changes) -> Result<()> {
        for (index, text) in changes.remove.iter().enumerate() {
            let key = format!("{path}remove[{index}]");
            self.remove(parse_name(&key, text)?);
        }
        // To set is to remove, then to append.
        let set = parse(&format!("{path}set"), changes.set)?;
        for (name, _) in &set {
            self.remove(name.clone());
        }
        self.append.extend(set);
        self.append
            .extend(parse(&format!("{path}append"), changes.append)?);
        Ok(())
    }

    /// Removes a header of the message, and what was to be appended so far.
    fn remove(&mut self, name: HeaderName) {
        self.append.retain(|(other, _)| *other != name);
        if !self.remove.contains(&name) {
            self.remove.push(name);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.append.is_empty()
    }

    pub(crate) fn apply(&self, mut headers: HeadersMut<'_>) -> Result<()> {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.append {
            headers.append(name, value)?;
        }
        Ok(())
    }
}

fn parse(path: &str, fields: Fields) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let mut parsed = Vec::new();
    for (text, values) in fields {
        let key = format!("{path}.{text}");
        let name = parse_name(&key, &text)?;
        if FRAMING.contains(&name) {
            let message = format!("the server sets `{name}` itself, from the body");
            return Err(Error::config(key, message));
        }
        let (values, listed) = match values {
            Values::One(value) => (vec![value], false),
            Values::Many(values) => (values, true),
        };
        for (index, value) in values.into_iter().enumerate() {
            let value = HeaderValue::try_from(&value).map_err(|_| {
                let at = if listed {
                    format!("[{index}]")
                } else {
                    String::new()
                };
                Error::config(
                    format!("{key}{at}"),
                    format!("{value:?} can't be the value of a header"),
                )
            })?;
            parsed.push((name.clone(), value));
        }
    }
    Ok(parsed)
}

fn parse_name(key: &str, text: &str) -> Result<HeaderName> {
    HeaderName::from_bytes(text.as_bytes())
        .map_err(|_| Error::config(key, format!("{text:?} is not a header name")))
}
