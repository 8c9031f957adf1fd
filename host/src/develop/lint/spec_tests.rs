//! SPEC.md's rules and its table of checks are the same list; so are Lint's checks.

use std::collections::BTreeSet;

use contract::Kind;

const SPEC: &str = include_str!("../../../../SPEC.md");

/// The rules that are defined: `* **K1** …`.
fn rules() -> BTreeSet<&'static str> {
    let lines = SPEC.lines().filter_map(|line| line.strip_prefix("* **"));
    lines
        .filter_map(|line| Some(line.split_once("**")?.0))
        .collect()
}

/// The rows of the table: a rule, and what checks it.
fn rows() -> BTreeSet<(&'static str, &'static str)> {
    let (_, table) = SPEC.split_once("## How each rule is checked").unwrap();
    let cells = table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        Some((cells.next()?, cells.next()?))
    });
    cells.filter(|(rule, _)| rules().contains(rule)).collect()
}

#[test]
fn spec_table_covers_each_rule_for_handlers() {
    let told: BTreeSet<_> = rows().into_iter().map(|(rule, _)| rule).collect();
    let to_keep = rules().into_iter().filter(|rule| rule.starts_with('K'));
    let missing: Vec<_> = to_keep.filter(|rule| !told.contains(rule)).collect();
    assert!(rules().len() > 40, "{:?}", rules());
    assert!(
        missing.is_empty(),
        "SPEC.md does not say what checks {missing:?}"
    );
    let who = ["Lint", "compiler", "host", "unchecked"];
    assert!(
        rows().iter().all(|(_, by)| who.contains(by)),
        "{:?}",
        rows()
    );
}

#[test]
fn lint_checks_equal_the_spec_table() {
    let checked: BTreeSet<_> = Kind::ALL.into_iter().map(Kind::rule).collect();
    let by_lint = rows().into_iter().filter(|(_, by)| *by == "Lint");
    let told: BTreeSet<_> = by_lint.map(|(rule, _)| rule).collect();
    assert_eq!(checked, told);
}
