//! Workspaces of their own, with crates that the site's own build must not depend on.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use super::{Artifacts, cargo, find, run, target_dir, workspace};
use crate::print_skipped;

/// A plugin of `tests/real-crates/`, built in the debug profile. `None` if nobody has asked for it with
/// `STACKUP_REAL_CRATES=1`, as `.ci/run` does, or its crates can't be fetched: then the test's skip was printed.
///
/// # Panics
///
/// If it does not build.
pub fn real_crate(package: &str) -> Option<&'static Path> {
    static BUILT: OnceLock<Option<Artifacts>> = OnceLock::new();
    let built = built_apart("tests/real-crates", &BUILT)?;
    Some(find(built, package))
}

/// A plugin of `examples/recipes/`, likewise.
///
/// # Panics
///
/// If it does not build.
pub fn recipe(package: &str) -> Option<&'static Path> {
    static BUILT: OnceLock<Option<Artifacts>> = OnceLock::new();
    let built = built_apart("examples/recipes", &BUILT)?;
    Some(find(built, package))
}

/// Runs the unit tests of `examples/recipes/`, under the same condition.
///
/// # Panics
///
/// If cargo can't be run.
pub fn recipes_tests() -> Option<Output> {
    let directory = fetched("examples/recipes")?;
    let mut command = Command::new(&cargo()[0]);
    command
        .args(["test", "--locked", "--quiet"])
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", target())
        .stdin(Stdio::null());
    Some(command.output().expect("cargo can be run"))
}

fn built_apart(
    folder: &str,
    built: &'static OnceLock<Option<Artifacts>>,
) -> Option<&'static Artifacts> {
    // Each test that is skipped says so.
    asked()?;
    let built = built.get_or_init(|| {
        let arguments = ["build", "--locked", "--message-format=json"].map(OsStr::new);
        Some(run(&cargo(), &arguments, &fetched(folder)?, &target(), &[]))
    });
    if built.is_none() {
        print_skipped(&format!("the crates of {folder} can't be fetched"));
    }
    built.as_ref()
}

fn asked() -> Option<OsString> {
    let asked = std::env::var_os("STACKUP_REAL_CRATES");
    if asked.is_none() {
        print_skipped("STACKUP_REAL_CRATES=1 builds its crates, which takes some minutes");
    }
    asked
}

/// The folder of a workspace whose crates are here; `None` if they can't be fetched, or nobody has asked for them.
///
/// # Panics
///
/// If its lock is out of date.
fn fetched(folder: &str) -> Option<PathBuf> {
    asked()?;
    let directory = workspace().join(folder);
    let fetched = Command::new(&cargo()[0])
        .args(["fetch", "--locked", "--quiet"])
        .current_dir(&directory)
        .stdin(Stdio::null())
        .output();
    let fetched = fetched.ok()?;
    if fetched.status.success() {
        return Some(directory);
    }
    let said = String::from_utf8_lossy(&fetched.stderr);
    // No skip: dependencies of stackup-plugin have changed.
    let outdated = said.contains("--locked was passed");
    assert!(
        !outdated,
        "{folder}/Cargo.lock is out of date: run `cargo fetch` there\n{said}"
    );
    None
}

/// One for all: they share most crates.
fn target() -> PathBuf {
    target_dir().join("stackup-tests/real-crates")
}
