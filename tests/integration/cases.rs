//! Case files: input, a line of dashes, expected output.
//!
//! A new case is a new file; `UPDATE_EXPECT=1` writes the output. Review it.

use std::fs;
use std::path::{Path, PathBuf};

use similar::TextDiff;

const DASHES: &str = "----------------------------------------";

/// Runs each case in `folder` and compares the output with the expected one.
///
/// # Panics
///
/// If an output differs and `UPDATE_EXPECT` is not set.
pub(crate) fn check(folder: &str, run: impl Fn(&str) -> Result<String, String>) {
    check_each(&all(folder), |_, input| run(input));
}

/// Compares outputs, in the order of [`all`], with the expected ones.
///
/// # Panics
///
/// As [`check`].
pub(crate) fn check_found(folder: &str, found: Vec<String>) {
    let all = all(folder);
    assert_eq!(all.len(), found.len());
    check_each(&all, |index, _| Ok(found[index].clone()));
}

fn check_each(all: &[PathBuf], run: impl Fn(usize, &str) -> Result<String, String>) {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let failures: Vec<String> = all
        .iter()
        .enumerate()
        .filter_map(|(index, case)| difference(case, update, |input| run(index, input)))
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases differ (- expected, + found; UPDATE_EXPECT=1 accepts):\n\n{}",
        failures.len(),
        all.len(),
        failures.join("\n")
    );
}

/// The case files in a folder beside `integration/`.
pub(crate) fn all(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("a folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "case"))
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    cases
}

/// The input and the expected output.
pub(crate) fn split(text: &str) -> (&str, &str) {
    text.split_once(&format!("{DASHES}\n"))
        .unwrap_or((text, ""))
}

/// The difference in one case, if there is one.
fn difference(
    path: &Path,
    update: bool,
    run: impl Fn(&str) -> Result<String, String>,
) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Some(format!("{name}: {error}\n")),
    };
    let (input, expected) = split(&text);
    let found = match run(input) {
        Ok(found) => found,
        Err(reason) => return Some(format!("{name}: {reason}\n")),
    };
    if found == expected {
        return None;
    }
    if update {
        let written = fs::write(path, format!("{input}{DASHES}\n{found}"));
        return written.err().map(|error| format!("{name}: {error}\n"));
    }
    let diff = TextDiff::from_lines(expected, &found);
    Some(format!(
        "{name}:\n{}",
        diff.unified_diff().context_radius(3)
    ))
}
