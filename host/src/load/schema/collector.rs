//! Turns the validator's errors into violations that people can read.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::Location;
use jsonschema::types::JsonType;
use serde_json::Value;

use super::{EntryPart, Violation};
use crate::load::manifest::words::{list, nearest};

/// Collects the violations of a config.
pub(super) struct ViolationCollector<'a> {
    schema: &'a Value,
    config: &'a Value,
    pub(super) found: Vec<Violation>,
}

impl<'a> ViolationCollector<'a> {
    pub(super) fn new(schema: &'a Value, config: &'a Value) -> Self {
        Self {
            schema,
            config,
            found: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, error: &ValidationError<'_>) {
        let path = self.path(error.instance_path());
        let what = named(&path);
        match error.kind() {
            Kind::AdditionalProperties { unexpected }
            | Kind::UnevaluatedProperties { unexpected } => {
                let known = self.around(error, "properties");
                let known: Vec<&str> = known
                    .and_then(Value::as_object)
                    .map(|known| known.keys().map(String::as_str).collect())
                    .unwrap_or_default();
                for key in unexpected {
                    self.unknown(&path, key, &known);
                }
            }
            Kind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                let place = match path.as_str() {
                    "" => String::new(),
                    _ => format!(" in {what}"),
                };
                let label = format!("`{key}` is required");
                self.push(path, format!("missing key `{key}`{place}"), label);
            }
            Kind::Type { kind } => {
                let types: Vec<_> = match kind {
                    TypeKind::Single(one) => vec![*one],
                    TypeKind::Multiple(several) => several.iter().collect(),
                };
                self.wrong_type(path, &types, error.instance());
            }
            Kind::Enum { options } => {
                let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
                let options: Vec<_> = options.iter().collect();
                self.none_of(path, &options, &[], error.instance());
            }
            Kind::Constant { expected_value } => {
                self.none_of(path, &[expected_value.as_ref()], &[], error.instance());
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                self.no_variant(path, context, error.instance());
            }
            Kind::Minimum { .. }
            | Kind::Maximum { .. }
            | Kind::ExclusiveMinimum { .. }
            | Kind::ExclusiveMaximum { .. } => {
                let label = self.range(error);
                self.push(path, format!("{what} is out of range"), label);
            }
            Kind::MinLength { limit } => {
                self.size(path, &["short", "at least"], *limit, "character")
            }
            Kind::MaxLength { limit } => self.size(path, &["long", "at most"], *limit, "character"),
            Kind::MinItems { limit } => self.size(path, &["short", "at least"], *limit, "item"),
            Kind::MaxItems { limit } => self.size(path, &["long", "at most"], *limit, "item"),
            // `()`: see `of_config`.
            Kind::MaxProperties { limit: 0 } => {
                let label = "remove it".to_owned();
                self.push(path, "this handler takes no config".to_owned(), label);
            }
            Kind::Pattern { pattern } => {
                let label = "does not match".to_owned();
                self.push(
                    path,
                    format!("{what} must match the pattern `{pattern}`"),
                    label,
                );
            }
            // The validator's own message, with the value masked.
            _ => {
                let message = error.masked_with(what.as_str()).to_string();
                self.push(path, message, String::new());
            }
        }
    }

    pub(super) fn push(&mut self, path: String, message: String, label: String) {
        self.found.push(Violation {
            path,
            part: EntryPart::Value,
            message,
            label,
            note: None,
            secret: false,
        });
    }

    fn unknown(&mut self, path: &str, key: &str, known: &[&str]) {
        let (full, place) = match path {
            "" => (key.to_owned(), String::new()),
            _ => (format!("{path}.{key}"), format!(" in `{path}`")),
        };
        let label = match nearest(key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "unknown key".to_owned(),
        };
        let valid = list(known.iter().copied(), "and");
        self.found.push(Violation {
            path: full,
            part: EntryPart::Key,
            message: format!("unknown key `{key}`{place}"),
            label,
            note: (!valid.is_empty()).then(|| format!("valid here: {valid}")),
            secret: false,
        });
    }

    pub(super) fn wrong_type(&mut self, path: String, types: &[JsonType], found: &Value) {
        let mut words: Vec<_> = types.iter().filter_map(|kind| type_name(*kind)).collect();
        words.dedup();
        let (what, is) = (named(&path), type_of(found));
        let message = match words.is_empty() {
            true => format!("{what} is not allowed here"),
            false => format!("{what} must be {}", words.join(" or ")),
        };
        self.push(path, message, format!("this is {is}"));
    }

    /// Reports a value that is none of `options` and of none of `types`.
    pub(super) fn none_of(
        &mut self,
        path: String,
        options: &[&Value],
        types: &[JsonType],
        found: &Value,
    ) {
        let what = named(&path);
        let types = types.iter().filter_map(|kind| type_name(*kind));
        let mut written: Vec<_> = options.iter().map(ToString::to_string).collect();
        written.extend(types.map(str::to_owned));
        written.dedup();
        let known = options.iter().filter_map(|option| option.as_str());
        let label = match found {
            Value::String(text) => match nearest(text, known) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "none of these".to_owned(),
            },
            other => format!("this is {}", type_of(other)),
        };
        self.push(path, format!("{what} must be {}", either(&written)), label);
    }

    fn size(&mut self, path: String, words: &[&str; 2], limit: u64, of: &str) {
        let [odd, bound] = words;
        let message = format!("{} is too {odd}", named(&path));
        let plural = if limit == 1 { "" } else { "s" };
        self.push(
            path,
            message,
            format!("allowed: {bound} {limit} {of}{plural}"),
        );
    }

    /// The allowed range, from the bounds in the schema.
    fn range(&self, error: &ValidationError<'_>) -> String {
        let bound = |key| self.around(error, key).map(ToString::to_string);
        let above = bound("exclusiveMinimum").map(|least| format!("more than {least}"));
        let least = above.or_else(|| Some(format!("{} or more", bound("minimum")?)));
        let below = bound("exclusiveMaximum").map(|most| format!("less than {most}"));
        let most = below.or_else(|| Some(format!("{} or less", bound("maximum")?)));
        match (bound("minimum"), bound("maximum"), least, most) {
            (Some(least), Some(most), ..) => format!("allowed: {least} to {most}"),
            (_, _, Some(least), Some(most)) => format!("allowed: {least}, {most}"),
            (_, _, Some(one), None) | (_, _, None, Some(one)) => format!("allowed: {one}"),
            (_, _, None, None) => String::new(),
        }
    }

    /// The value of `keyword` beside the violated keyword in the schema.
    fn around(&self, error: &ValidationError<'_>, keyword: &str) -> Option<&'a Value> {
        let place = error.schema_path().as_str();
        let (around, _) = place.rsplit_once('/')?;
        self.schema.pointer(around)?.get(keyword)
    }

    /// A location as a config path, in the form that the manifest's parser records.
    pub(super) fn path(&self, location: &Location) -> String {
        let (mut path, mut at) = (String::new(), Some(self.config));
        for step in location.as_str().split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            // A number can also be a key of a table.
            if let Some(Value::Array(items)) = at {
                path.push_str(&format!("[{step}]"));
                at = step.parse().ok().and_then(|index: usize| items.get(index));
                continue;
            }
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&step);
            at = at.and_then(|at| at.get(&step));
        }
        path
    }
}

/// The name of a config path in messages.
pub(super) fn named(path: &str) -> String {
    match path {
        "" => "`config`".to_owned(),
        _ => format!("`{path}`"),
    }
}

/// "a, b or c".
fn either(words: &[String]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [head @ .., tail] => format!("{} or {tail}", head.join(", ")),
    }
}

/// The TOML name of a type, with its article. TOML has no null.
fn type_name(kind: JsonType) -> Option<&'static str> {
    Some(match kind {
        JsonType::Null => return None,
        JsonType::Boolean => "a boolean",
        JsonType::Integer => "an integer",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Array => "an array",
        JsonType::Object => "a table",
    })
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a float",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "a table",
    }
}
