//! The shapes of the values that handlers leave in requests, by name.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use contract::{Shape, Violation, check_shape};

/// More names are not compared: a layer may make them up.
const MOST_NAMES: usize = 256;

/// What handlers of the newest generation have written.
#[derive(Debug, Default)]
pub(super) struct Shapes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    generation: u64,
    /// By the value's name: each handler, in the order in which they first wrote it.
    names: BTreeMap<String, Vec<(String, Written)>>,
}

/// What one handler writes under one name.
#[derive(Debug)]
enum Written {
    Shape(Shape),
    /// Values of several shapes: whoever reads them knows.
    Varies,
}

impl Shapes {
    /// A handler writes a value. Returns where others write another shape.
    pub(super) fn add(
        &self,
        generation: u64,
        handler: &str,
        name: &str,
        text: &str,
    ) -> Vec<Violation> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if generation > state.generation {
            // A change of a handler's code may have put it right.
            *state = State {
                generation,
                names: BTreeMap::new(),
            };
        }
        let is_full = state.names.len() >= MOST_NAMES && !state.names.contains_key(name);
        if generation < state.generation || is_full {
            return Vec::new();
        }
        let writers = state.names.entry(name.to_owned()).or_default();
        let own = writers.iter().position(|(other, _)| other == handler);
        let own = own.unwrap_or_else(|| {
            writers.push((handler.to_owned(), Written::Shape(Shape::Null)));
            writers.len() - 1
        });
        let (before, rest) = writers.split_at_mut(own);
        let Some((_, written)) = rest.first_mut() else {
            return Vec::new();
        };
        written.add(Shape::of(text));
        // With those that came first: so a pair of handlers is found once, whichever writes next.
        let shape = written.shape();
        let others = before.iter();
        let others = others.filter_map(|(other, written)| Some((other.as_str(), written.shape()?)));
        let found = others.filter_map(|other| check_shape(name, shape?, other));
        found.collect()
    }
}

impl Written {
    fn add(&mut self, shape: Shape) {
        match self {
            Self::Shape(before) if before.mismatch(&shape).is_none() => before.merge(shape),
            _ => *self = Self::Varies,
        }
    }

    /// None if it varies.
    fn shape(&self) -> Option<&Shape> {
        match self {
            Self::Shape(shape) => Some(shape),
            Self::Varies => None,
        }
    }
}

/// The values in a request that a layer received.
#[derive(Debug, Default)]
pub(super) struct Received(HashMap<String, u64>);

impl Received {
    pub(super) fn new(env: &[(String, String)]) -> Self {
        let env = env.iter();
        Self(
            env.map(|(name, value)| (name.clone(), digest(value)))
                .collect(),
        )
    }

    /// The values that were written since.
    pub(super) fn written<'e>(
        &self,
        env: &'e [(String, String)],
    ) -> impl Iterator<Item = &'e (String, String)> {
        env.iter()
            .filter(|(name, value)| self.0.get(name) != Some(&digest(value)))
    }
}

fn digest(value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(shapes: &Shapes, generation: u64, handler: &str, text: &str) -> usize {
        shapes.add(generation, handler, "claims", text).len()
    }

    #[test]
    fn two_handlers_that_write_two_shapes_are_found() {
        let shapes = Shapes::default();
        assert_eq!(count(&shapes, 1, "a", r#"{"sub":"x"}"#), 0);
        assert_eq!(count(&shapes, 1, "a", r#"{"sub":null}"#), 0);
        assert_eq!(count(&shapes, 1, "b", r#"{"sub":"y","exp":1}"#), 0);
        assert_eq!(count(&shapes, 1, "c", r#"{"sub":1}"#), 2, "with each");
        assert_eq!(count(&shapes, 1, "a", r#"{"sub":"x"}"#), 0, "the same pair");
        assert_eq!(shapes.add(1, "c", "other", "[]").len(), 0, "another name");
    }

    #[test]
    fn handler_that_writes_several_shapes_is_left_alone() {
        let shapes = Shapes::default();
        assert_eq!(count(&shapes, 1, "a", "[1]"), 0);
        assert_eq!(count(&shapes, 1, "a", r#"{"sub":1}"#), 0);
        assert_eq!(count(&shapes, 1, "b", r#"{"sub":"x"}"#), 0);
        assert_eq!(count(&shapes, 1, "a", "[1]"), 0);
    }

    #[test]
    fn new_generation_begins_anew() {
        let shapes = Shapes::default();
        assert_eq!(count(&shapes, 1, "a", r#"{"sub":1}"#), 0);
        assert_eq!(count(&shapes, 2, "b", r#"{"sub":"x"}"#), 0);
        assert_eq!(count(&shapes, 1, "c", r#"{"sub":1}"#), 0, "an old request");
        assert_eq!(count(&shapes, 2, "a", r#"{"sub":1}"#), 1);
    }

    #[test]
    fn names_are_bounded() {
        let shapes = Shapes::default();
        for number in 0..300 {
            shapes.add(1, "a", &number.to_string(), "{}");
        }
        assert_eq!(shapes.0.lock().unwrap().names.len(), MOST_NAMES);
    }

    #[test]
    fn written_are_new_and_changed_values() {
        let env = |all: &[(&str, &str)]| -> Vec<(String, String)> {
            let all = all.iter();
            all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let received = Received::new(&env(&[("a", "1"), ("b", "2")]));
        let now = env(&[("a", "1"), ("b", "3"), ("c", "4")]);
        let written: Vec<_> = received.written(&now).map(|(name, _)| &**name).collect();
        assert_eq!(written, ["b", "c"]);
    }
}
