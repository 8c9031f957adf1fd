//! What is wrong with a value that may have one of several forms: which one is meant?

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::types::JsonType;
use serde_json::Value;

use super::collector::{ViolationCollector, named};

type Errors<'e> = Vec<ValidationError<'e>>;

impl ViolationCollector<'_> {
    /// Tells what keeps `found` from the form that is most likely meant; each of `forms` is why it is not
    /// that one.
    pub(super) fn no_variant(&mut self, path: String, forms: &[Errors<'_>], found: &Value) {
        // A form for another type of value, or for another word, is not meant.
        let elsewhere = |form: &Errors<'_>| !form.iter().any(|error| self.rejects(error, &path));
        let meant: Vec<_> = forms.iter().filter(|form| elsewhere(form)).collect();
        match meant.as_slice() {
            [] => self.no_type_or_word(path, forms, found),
            [one] => one.iter().for_each(|error| self.add(error)),
            several => self.by_tag(path, several),
        }
    }

    /// Whether this says that the value itself, not something in it, is of another type or another word.
    fn rejects(&self, error: &ValidationError<'_>, path: &str) -> bool {
        let at_root = self.path(error.instance_path()) == path;
        at_root
            && matches!(
                error.kind(),
                Kind::Type { .. } | Kind::Constant { .. } | Kind::Enum { .. }
            )
    }

    /// All forms are for other types or other words.
    fn no_type_or_word(&mut self, path: String, forms: &[Errors<'_>], found: &Value) {
        let (mut types, mut words) = (Vec::<JsonType>::new(), Vec::new());
        for error in forms.iter().flatten() {
            match error.kind() {
                Kind::Type { kind } => match kind {
                    TypeKind::Single(one) => types.push(*one),
                    TypeKind::Multiple(several) => types.extend(several.iter()),
                },
                Kind::Constant { expected_value } => words.push(expected_value.as_ref()),
                Kind::Enum { options } => words.extend(options.as_array().into_iter().flatten()),
                _ => {}
            }
        }
        if words.is_empty() {
            return self.wrong_type(path, &types, found);
        }
        // Which strings is said by the words.
        types.retain(|kind| *kind != JsonType::String);
        self.none_of(path, &words, &types, found);
    }

    /// Several forms of the same type: one key of a table tells which is meant.
    fn by_tag(&mut self, path: String, forms: &[&Errors<'_>]) {
        let tag = |error: &&ValidationError<'_>| {
            matches!(error.kind(), Kind::Constant { .. } | Kind::Enum { .. })
        };
        let lacks = |error: &&ValidationError<'_>| {
            matches!(error.kind(), Kind::Required { .. })
                && self.path(error.instance_path()) == path
        };
        let tagged = forms.iter().filter(|form| !form.iter().any(|e| tag(&e)));
        let tagged: Vec<_> = tagged.copied().collect();
        if let [one] = tagged.as_slice() {
            return one.iter().for_each(|error| self.add(error));
        }
        let complete = tagged.iter().filter(|form| !form.iter().any(|e| lacks(&e)));
        if let [one] = complete.copied().collect::<Vec<_>>().as_slice() {
            return one.iter().for_each(|error| self.add(error));
        }
        // No form knows the tag: all of them name it, at the same place.
        let tags: Vec<_> = forms
            .iter()
            .filter_map(|form| form.iter().find(tag))
            .collect();
        if let [first, ..] = tags.as_slice()
            && tags.len() == forms.len()
            && tags
                .iter()
                .all(|e| e.instance_path() == first.instance_path())
        {
            let words: Vec<&Value> = tags
                .iter()
                .flat_map(|error| match error.kind() {
                    Kind::Constant { expected_value } => vec![expected_value.as_ref()],
                    Kind::Enum { options } => options.as_array().into_iter().flatten().collect(),
                    _ => Vec::new(),
                })
                .collect();
            let (place, found) = (self.path(first.instance_path()), first.instance());
            return self.none_of(place, &words, &[], found);
        }
        let message = format!("{} has none of the forms that are allowed", named(&path));
        self.push(path, message, String::new());
    }
}
