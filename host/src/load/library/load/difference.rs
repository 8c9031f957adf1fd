//! Describes how two layouts differ: which field, and its type on each side.

use abi_stable::abi_stability::abi_checking::{
    AbiInstability, AbiInstabilityError, AbiInstabilityErrors,
};
use abi_stable::type_layout::TLFieldOrFunction;

/// More lines than this do not help.
const MAX_LINES: usize = 8;

/// One line per difference, for the first few.
pub(super) fn describe(errors: &AbiInstabilityErrors) -> String {
    let mut lines: Vec<String> = Vec::new();
    let errors = errors.errors.iter().filter(|error| !error.errs.is_empty());
    for line in errors.map(line) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let more = lines.len().saturating_sub(MAX_LINES);
    lines.truncate(MAX_LINES);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}

fn line(error: &AbiInstabilityError) -> String {
    let steps = error.stack_trace.iter().map(|step| match &step.expected {
        TLFieldOrFunction::Field(field) => field.name(),
        TLFieldOrFunction::Function(function) => function.name.as_str(),
    });
    // References and pointers have a field `0`, which appears in no source.
    let mut path: Vec<_> = steps
        .map(|name| name.trim_matches(','))
        .filter(|name| !matches!(*name, "0" | ""))
        .collect();
    // A field that is a function is listed twice: as the field and as the function.
    path.dedup();
    let path = if path.is_empty() {
        "the root".to_owned()
    } else {
        path.join(".")
    };
    let owner = error
        .stack_trace
        .iter()
        .rev()
        .nth(1)
        .map(|step| type_name(&step.expected));
    let of = owner
        .map(|owner| format!(" (of `{owner}`)"))
        .unwrap_or_default();
    let types = error
        .stack_trace
        .last()
        .map(|step| (type_name(&step.expected), type_name(&step.found)));
    let difference = match types {
        Some((here, there)) if here != there => format!("`{here}` here, `{there}` in the library"),
        _ => error.errs.first().map(reason).unwrap_or_default(),
    };
    format!("  {path}{of}: {difference}")
}

fn type_name(step: &TLFieldOrFunction) -> String {
    match step {
        TLFieldOrFunction::Field(field) => field.full_type().to_string(),
        TLFieldOrFunction::Function(function) => function.name.to_string(),
    }
}

fn reason(error: &AbiInstability) -> String {
    let differ = |what: &str, here: &dyn std::fmt::Display, there: &dyn std::fmt::Display| {
        format!("{what} {here} here, {there} in the library")
    };
    match error {
        AbiInstability::Size(size) => differ("bytes:", &size.expected, &size.found),
        AbiInstability::Alignment(align) => differ("alignment", &align.expected, &align.found),
        AbiInstability::FieldCountMismatch(count) => {
            differ("fields:", &count.expected, &count.found)
        }
        AbiInstability::UnexpectedField(field) => {
            differ("the field", &field.expected.name(), &field.found.name())
        }
        AbiInstability::Name(name) => differ("the type", &name.expected, &name.found),
        AbiInstability::TooManyVariants(count) => {
            differ("variants:", &count.expected, &count.found)
        }
        AbiInstability::UnexpectedVariant(name) => {
            differ("the variant", &name.expected, &name.found)
        }
        AbiInstability::MismatchedPrefixSize(count) => differ(
            "fields of the first version:",
            &count.expected,
            &count.found,
        ),
        // The rarer ones as abi_stable formats them.
        other => format!("{other:?}").chars().take(200).collect(),
    }
}
