//! Which instances of a stack the next one reuses. Pure: SPEC, R4.

use crate::load::manifest::{Level, Role};

/// What encloses a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parent {
    /// A map, by its host and path.
    Map(Option<String>, String),
    /// A branch of a cascade, by its index.
    Branch(usize),
}

/// Where a directive stands: what encloses it, and its role there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The maps and cascades, outermost first.
    pub level: Vec<Parent>,
    /// Whether it is a `use` or a `run`.
    pub role: Role,
}

/// The positions of a stack, in the order of [`directives`](crate::serve::stack::directives).
pub(super) fn positions(level: &Level) -> Vec<Position> {
    let mut all = Vec::new();
    add(level, &mut Vec::new(), &mut all);
    all
}

fn add(level: &Level, around: &mut Vec<Parent>, all: &mut Vec<Position>) {
    let position = |role| Position {
        level: around.clone(),
        role,
    };
    let (middleware, app) = (position(Role::Use), position(Role::Run));
    all.extend(level.uses.iter().map(|_| middleware.clone()));
    for map in &level.maps {
        around.push(Parent::Map(map.host.clone(), map.path.as_str().to_owned()));
        add(&map.level, around, all);
        around.pop();
    }
    for (number, tried) in level.cascade.iter().flatten().enumerate() {
        around.push(Parent::Branch(number));
        add(&tried.level, around, all);
        around.pop();
    }
    all.extend(level.run.iter().map(|_| app.clone()));
}

/// For each of `new` the index of the one of `old` that it reuses; none if it must be built. Both are position and key,
/// in the order of the stack.
///
/// First those with the same key at the same position, in order; then those with the same key anywhere, in order. Each
/// of `old` is used once.
pub(super) fn match_up<S: PartialEq, K: PartialEq>(
    old: &[(S, K)],
    new: &[(S, K)],
) -> Vec<Option<usize>> {
    let mut free = vec![true; old.len()];
    let mut matched = vec![None; new.len()];
    for same_position in [true, false] {
        for (wanted, found) in new.iter().zip(&mut matched) {
            if found.is_some() {
                continue;
            }
            let fits = |at: &usize| {
                let (position, key) = &old[*at];
                free[*at] && *key == wanted.1 && (!same_position || *position == wanted.0)
            };
            *found = (0..old.len()).find(fits);
            if let Some(at) = *found {
                free[at] = false;
            }
        }
    }
    matched
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
