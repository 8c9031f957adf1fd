//! `tests/differential/deviations.toml`: intended differences from Rack.

use std::fmt::Write as _;
use std::fs;

use serde::Deserialize;

use super::case;

/// All known differences, and how often each occurred.
#[derive(Debug)]
pub(super) struct Deviations(Vec<(Deviation, Vec<usize>)>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deviation {
    /// `group/case`, or `group/*`; each must occur.
    cases: Vec<String>,
    fields: Vec<String>,
    /// Rack's value, if only this one deviates; empty means absent.
    rack: Option<String>,
    /// Our value, likewise.
    here: Option<String>,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    deviation: Vec<Deviation>,
}

impl Deviations {
    pub(super) fn read() -> Self {
        let text = fs::read_to_string(case::folder().join("deviations.toml")).expect("deviations");
        let file: File = toml::from_str(&text).expect("deviations");
        let with_count = |deviation: Deviation| {
            assert!(
                !deviation.reason.trim().is_empty(),
                "{deviation:?} has no reason"
            );
            let seen = vec![0; deviation.cases.len() * deviation.fields.len()];
            (deviation, seen)
        };
        Self(file.deviation.into_iter().map(with_count).collect())
    }

    /// Whether this difference of this case is known.
    pub(super) fn explain(&mut self, case: &str, field: &str, rack: &str, here: &str) -> bool {
        let mut explained = false;
        for (deviation, seen) in &mut self.0 {
            let rack_fits = deviation
                .rack
                .as_deref()
                .is_none_or(|wanted| wanted == rack);
            let here_fits = deviation
                .here
                .as_deref()
                .is_none_or(|wanted| wanted == here);
            let of_field = deviation.fields.iter().position(|name| name == field);
            let Some(of_field) = of_field.filter(|_| rack_fits && here_fits) else {
                continue;
            };
            for (number, pattern) in deviation.cases.iter().enumerate() {
                let fits = match pattern.strip_suffix('*') {
                    Some(group) => case.starts_with(group),
                    None => case == pattern,
                };
                if fits {
                    seen[number * deviation.fields.len() + of_field] += 1;
                    explained = true;
                }
            }
        }
        explained
    }

    /// Deviations that did not occur, one per line.
    pub(super) fn unused(&self) -> String {
        let mut idle = String::new();
        for (deviation, seen) in &self.0 {
            for (at, _) in seen.iter().enumerate().filter(|(_, count)| **count == 0) {
                let case = &deviation.cases[at / deviation.fields.len()];
                let field = &deviation.fields[at % deviation.fields.len()];
                let _ = writeln!(idle, "{case}: {field} ({})", deviation.reason);
            }
        }
        idle
    }

    /// The number of explained fields.
    pub(super) fn seen(&self) -> usize {
        self.0.iter().flat_map(|(_, seen)| seen).sum()
    }
}
