//! `anyOf` and `oneOf`: which variant did the author mean?

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::types::JsonType;
use serde_json::Value;

use super::collector::{ViolationCollector, named};

type Errors<'e> = Vec<ValidationError<'e>>;

impl ViolationCollector<'_> {
    /// Reports why `found` does not match the variant that is most likely meant. Each of `forms` has the
    /// errors for one variant.
    pub(super) fn no_variant(&mut self, path: String, forms: &[Errors<'_>], found: &Value) {
        // A variant for another type or another word is not meant.
        let elsewhere = |form: &Errors<'_>| !form.iter().any(|error| self.rejects(error, &path));
        let meant: Vec<_> = forms.iter().filter(|form| elsewhere(form)).collect();
        match meant.as_slice() {
            [] => self.no_type_or_word(path, forms, found),
            [one] => one.iter().for_each(|error| self.add(error)),
            several => self.by_tag(path, several),
        }
    }

    /// Whether `error` is about the type or word of the value itself, not of something inside it.
    fn rejects(&self, error: &ValidationError<'_>, path: &str) -> bool {
        let at_root = self.path(error.instance_path()) == path;
        at_root
            && matches!(
                error.kind(),
                Kind::Type { .. } | Kind::Constant { .. } | Kind::Enum { .. }
            )
    }

    /// Reports a value when every variant is for another type or word.
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
        // The words already say which strings are allowed.
        types.retain(|kind| *kind != JsonType::String);
        self.none_of(path, &words, &types, found);
    }

    /// Several variants of the same type: one key of the table, the tag, tells which is meant.
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
        // No variant has this tag, and all of them check it at the same place.
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
        let message = format!("{} matches none of the allowed forms", named(&path));
        self.push(path, message, String::new());
    }
}
