//! What a schema marks as secret: `"writeOnly": true`, as `stackup_plugin::Secret` writes it.

use serde_json::Value;

/// The parts of a schema that apply to one value of a config.
#[derive(Debug, Clone)]
pub(super) struct Marks<'s> {
    root: &'s Value,
    parts: Vec<&'s Value>,
}

impl<'s> Marks<'s> {
    pub(super) fn new(schema: &'s Value) -> Self {
        Self::of(schema, [schema])
    }

    fn of(root: &'s Value, parts: impl IntoIterator<Item = &'s Value>) -> Self {
        let mut marks = Self {
            root,
            parts: Vec::new(),
        };
        parts.into_iter().for_each(|part| marks.add(part));
        marks
    }

    /// Adds a part with everything that applies to the same value: references, and each variant.
    fn add(&mut self, part: &'s Value) {
        if self.parts.iter().any(|known| std::ptr::eq(*known, part)) {
            return;
        }
        self.parts.push(part);
        let target = part["$ref"]
            .as_str()
            .and_then(|path| path.strip_prefix('#'));
        if let Some(target) = target.and_then(|path| self.root.pointer(path)) {
            self.add(target);
        }
        for variants in ["allOf", "anyOf", "oneOf"] {
            for variant in part[variants].as_array().into_iter().flatten() {
                self.add(variant);
            }
        }
    }

    /// Whether the value is a secret.
    pub(super) fn is_secret(&self) -> bool {
        self.parts.iter().any(|part| part["writeOnly"] == true)
    }

    /// Whether it is a secret, or something in it would be: a string in place of a table of passwords may be one.
    pub(super) fn holds_secret(&self) -> bool {
        let mut seen = Vec::new();
        self.parts
            .iter()
            .any(|part| self.marked_below(part, &mut seen))
    }

    fn marked_below(&self, part: &'s Value, seen: &mut Vec<&'s Value>) -> bool {
        if seen.iter().any(|known| std::ptr::eq(*known, part)) {
            return false;
        }
        seen.push(part);
        match part {
            Value::Object(keys) => {
                let target = part["$ref"]
                    .as_str()
                    .and_then(|path| path.strip_prefix('#'));
                let target = target.and_then(|path| self.root.pointer(path));
                let below = keys.iter().filter(|(key, _)| *key != "$defs");
                part["writeOnly"] == true
                    || below
                        .map(|(_, below)| below)
                        .chain(target)
                        .any(|below| self.marked_below(below, seen))
            }
            Value::Array(items) => items.iter().any(|item| self.marked_below(item, seen)),
            _ => false,
        }
    }

    /// The parts for the value of a key.
    pub(super) fn key(&self, name: &str) -> Self {
        let below = self.parts.iter().flat_map(|part| {
            let patterns = part["patternProperties"].as_object();
            let patterns = patterns.into_iter().flat_map(|all| all.values());
            let own = part["properties"].get(name);
            let other = part.get("additionalProperties").filter(|_| own.is_none());
            own.into_iter().chain(other).chain(patterns)
        });
        Self::of(self.root, below)
    }

    /// The parts for an item of a list.
    pub(super) fn item(&self, index: usize) -> Self {
        let below = self.parts.iter().flat_map(|part| {
            let own = part["prefixItems"].get(index);
            own.into_iter().chain(part.get("items"))
        });
        Self::of(self.root, below)
    }
}
