//! The shape of a value that one layer leaves for another, and whether two of them fit one type.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Kind, Violation};

/// What kind of JSON a value is, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// `null`, which any optional value may be.
    Null,
    /// Text of the env. Numbers, `true` and `false` are, too, outside of other values: they may be text by chance.
    Text,
    /// A boolean in another value.
    Boolean,
    /// A number in another value.
    Number,
    /// A string of JSON.
    String,
    /// Its items.
    Array(Vec<Shape>),
    /// Its fields.
    Object(BTreeMap<String, Shape>),
}

impl Shape {
    /// The shape of a value of the env.
    pub fn of(text: &str) -> Self {
        match serde_json::from_str(text) {
            Err(_) | Ok(Value::Number(_) | Value::Bool(_)) => Self::Text,
            Ok(value) => Self::of_json(&value),
        }
    }

    fn of_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::Array(items) => Self::Array(items.iter().map(Self::of_json).collect()),
            Value::Object(fields) => {
                let fields = fields.iter();
                Self::Object(
                    fields
                        .map(|(name, value)| (name.clone(), Self::of_json(value)))
                        .collect(),
                )
            }
        }
    }

    /// Adds what another value of the same handler shows, such as optional fields.
    pub fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (_, Self::Null) => {}
            (Self::Object(fields), Self::Object(others)) => {
                for (name, other) in others {
                    match fields.get_mut(&name) {
                        Some(shape) => shape.merge(other),
                        None => drop(fields.insert(name, other)),
                    }
                }
            }
            (_, other) => *self = other,
        }
    }

    /// Where the two can't be values of one type, and what stands there: `("exp", "a number", "a string")`. Fields and items
    /// that only one of them has may be optional, and a string and an object of one field two variants of an enum.
    pub fn mismatch<'s>(&'s self, other: &'s Self) -> Option<(String, &'static str, &'static str)> {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => None,
            (Self::String, Self::Object(fields)) | (Self::Object(fields), Self::String)
                if fields.len() == 1 =>
            {
                None
            }
            (Self::Object(fields), Self::Object(others)) => {
                fields.iter().find_map(|(name, one)| {
                    let (at, one, other) = one.mismatch(others.get(name)?)?;
                    let dot = if at.is_empty() || at.starts_with('[') {
                        ""
                    } else {
                        "."
                    };
                    Some((format!("{name}{dot}{at}"), one, other))
                })
            }
            (Self::Array(items), Self::Array(others)) => {
                let pairs = items.iter().zip(others).enumerate();
                let mut found = pairs.filter_map(|(index, (one, other))| {
                    let (at, one, other) = one.mismatch(other)?;
                    let dot = if at.is_empty() || at.starts_with('[') {
                        ""
                    } else {
                        "."
                    };
                    Some((format!("[{index}]{dot}{at}"), one, other))
                });
                found.next()
            }
            _ if std::mem::discriminant(self) == std::mem::discriminant(other) => None,
            _ => Some((String::new(), self.name(), other.name())),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Text => "plain text",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Checks the value that a handler writes under `name` against that of the handler `other`.
pub fn check_shape(name: &str, own: &Shape, other: (&str, &Shape)) -> Option<Violation> {
    let (handler, shape) = other;
    let (at, own, theirs) = own.mismatch(shape)?;
    let place = match &*at {
        "" => format!("`{name}`"),
        at => format!("`{at}` of `{name}`"),
    };
    let message = format!("{place} is {own} here, and {theirs} where `{handler}` writes it");
    Some(Violation::of(
        Kind::ValueShape,
        format!("{name} {handler}"),
        message,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mismatch(one: &str, other: &str) -> Option<(String, &'static str, &'static str)> {
        Shape::of(one).mismatch(&Shape::of(other))
    }

    #[test]
    fn values_of_one_type_fit() {
        for (one, other) in [
            (
                r#"{"sub":"a","exp":1}"#,
                r#"{"sub":"b","exp":2.5,"admin":true}"#,
            ),
            (r#"{"sub":"a"}"#, r#"{"sub":null}"#),
            (r#"{"a":1}"#, r#"{"b":"2"}"#),
            ("null", "[1]"),
            ("[]", r#"["a"]"#),
            (r#"["a",1]"#, r#"["b",2]"#),
            (r#""Guest""#, r#"{"User":7}"#),
            // Text of the env is no JSON, whatever it looks like.
            ("1", "yes"),
            ("true", "1"),
            ("/a", "b"),
        ] {
            assert_eq!(mismatch(one, other), None, "{one} {other}");
            assert_eq!(mismatch(other, one), None, "{other} {one}");
        }
    }

    #[test]
    fn values_of_two_types_do_not_fit() {
        for (one, other, at) in [
            (r#"{"sub":"a"}"#, r#"{"sub":7}"#, "sub"),
            (r#"{"a":{"b":[1,2]}}"#, r#"{"a":{"b":[1,"x"]}}"#, "a.b[1]"),
            (r#"{"on":true}"#, r#"{"on":1}"#, "on"),
            (r#"[{"id":1}]"#, r#"[{"id":"1"}]"#, "[0].id"),
            (r#"{"a":1,"b":2}"#, r#""a""#, ""),
            (r#"{"a":1}"#, r#"["a"]"#, ""),
            (r#"{"a":1}"#, "ada", ""),
            (r#""ada""#, "ada", ""),
        ] {
            let found = mismatch(one, other).map(|(at, ..)| at);
            assert_eq!(found.as_deref(), Some(at), "{one} {other}");
            assert!(mismatch(other, one).is_some(), "{other} {one}");
        }
    }

    #[test]
    fn merged_shape_has_the_fields_of_all_values() {
        let mut shape = Shape::of(r#"{"sub":null}"#);
        shape.merge(Shape::of(r#"{"sub":"a"}"#));
        shape.merge(Shape::of("null"));
        shape.merge(Shape::of(r#"{"exp":1}"#));
        assert_eq!(shape, Shape::of(r#"{"sub":"x","exp":2}"#));
    }

    #[test]
    fn message_names_place_and_both_kinds() {
        let (own, other) = (Shape::of(r#"{"sub":7}"#), Shape::of(r#"{"sub":"a"}"#));
        let violation = check_shape("jwt.claims", &own, ("auth#jwt", &other)).unwrap();
        assert_eq!(
            violation.message,
            "`sub` of `jwt.claims` is a number here, and a string where `auth#jwt` writes it"
        );
        assert_eq!(check_shape("jwt.claims", &own, ("auth#jwt", &own)), None);
    }
}
