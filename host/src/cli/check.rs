//! `stackup check` and `stackup stack`: build the whole stack without serving it.

use std::process::ExitCode;

use super::arguments::{ManifestArgs, StackArgs};
use super::check_certificates::check_certificates;
use super::left_behind::left_behind;
use super::output::{print, print_error, print_warning};
use super::serve::{probe, shelf};
use crate::develop::compile::{CargoOutput, CrateBuilder, Profile};
use crate::load::library;
use crate::serve::generation::{LibraryBuilder, Outcome, ReloadMode, Reloader};
use crate::services;

pub(super) fn check(stack: &StackArgs, color: bool) -> ExitCode {
    let shown = stack.manifest_args.manifest.display();
    let checked = build_stack(stack, color, async |reloader| {
        check_certificates(&reloader, &stack.manifest_args, color)?;
        let outline = reloader.outline().cloned().unwrap_or_default();
        Ok((outline, left_behind(reloader).await))
    });
    match checked.flatten() {
        Ok((outline, warnings)) => {
            for warning in &warnings {
                print_warning(warning);
            }
            let count = outline.handlers().count();
            let directives = if count == 1 {
                "directive"
            } else {
                "directives"
            };
            print(&format!(
                "{shown} is valid: {count} {directives}, every plugin loads and builds its handlers"
            ))
        }
        Err(reason) => {
            print_error(&reason);
            ExitCode::FAILURE
        }
    }
}

pub(super) fn stack(stack: &StackArgs, color: bool) -> ExitCode {
    let built = build_stack(stack, color, async |reloader| {
        reloader.outline().map(ToString::to_string)
    });
    match built {
        Ok(outline) => print(&outline.unwrap_or_default()),
        Err(reason) => {
            print_error(&reason);
            ExitCode::FAILURE
        }
    }
}

/// Builds the stack, prints its warnings, and returns what `then` makes of it.
fn build_stack<T>(
    stack: &StackArgs,
    color: bool,
    then: impl AsyncFnOnce(Reloader) -> T,
) -> Result<T, String> {
    let mut reloader = reloader(&stack.manifest_args, "development", color)?;
    reloader = reloader.probing(probe()?).telling_what_is_set_back();
    if stack.locked {
        reloader = reloader.locked();
    }
    library::keep_signals();
    block_on(async {
        let _store = services::install(0);
        let report = reloader.reload(ReloadMode::Force).await;
        for text in report.warnings.iter().chain(&report.remarks) {
            print_warning(text);
        }
        match report.outcome {
            Outcome::Refused(refusal) | Outcome::NeedsFreshProcess(refusal) => Err(refusal.reason),
            Outcome::Swapped | Outcome::Unchanged | Outcome::Outdated => Ok(then(reloader).await),
        }
    })?
}

/// A reloader for a command that serves nothing. In production it takes libraries that are already built.
pub(super) fn reloader(
    manifest_args: &ManifestArgs,
    default: &str,
    color: bool,
) -> Result<Reloader, String> {
    let environment = manifest_args
        .environment
        .as_deref()
        .unwrap_or(default)
        .to_owned();
    let libraries: Option<Box<dyn LibraryBuilder>> = match environment.as_str() {
        "production" => None,
        _ => {
            let show = CargoOutput { quiet: true, color };
            Some(Box::new(CrateBuilder::new(Profile::dev(), show)))
        }
    };
    let shelf = shelf().map_err(|error| error.to_string())?;
    let manifest = manifest_args.manifest.clone();
    let reloader = Reloader::new(manifest, environment, shelf, libraries, color);
    Ok(reloader.trusting(manifest_args.trust.trust).as_trial())
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| format!("cannot start the async runtime: {error}"))?;
    Ok(runtime.block_on(work))
}
