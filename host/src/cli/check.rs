//! `stackup check` and `stackup stack`: build the whole stack without serving it.

use std::process::ExitCode;

use super::arguments::{ManifestArgs, StackArgs};
use super::output::{print, print_error, print_warning};
use super::serve::{probe, shelf};
use crate::develop::compile::{CargoOutput, CrateBuilder, Profile};
use crate::load::library;
use crate::serve::generation::{LibraryBuilder, Outcome, ReloadMode, Reloader};
use crate::services;

pub(super) fn check(stack: &StackArgs, color: bool) -> ExitCode {
    let shown = stack.manifest_args.manifest.display();
    match build_stack(stack, color) {
        Ok(reloader) => {
            let count = reloader
                .outline()
                .map_or(0, |outline| outline.handlers().count());
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
    match build_stack(stack, color) {
        Ok(reloader) => {
            let outline = reloader.outline().map(ToString::to_string);
            print(&outline.unwrap_or_default())
        }
        Err(reason) => {
            print_error(&reason);
            ExitCode::FAILURE
        }
    }
}

fn build_stack(stack: &StackArgs, color: bool) -> Result<Reloader, String> {
    let mut reloader = reloader(&stack.manifest_args, "development", color)?.probing(probe()?);
    if stack.locked {
        reloader = reloader.locked();
    }
    library::keep_signals();
    let report = block_on(async {
        let _store = services::install(0);
        reloader.reload(ReloadMode::Force).await
    })?;
    for warning in &report.warnings {
        print_warning(warning);
    }
    for remark in &report.remarks {
        print_warning(remark);
    }
    match report.outcome {
        Outcome::Refused(refusal) | Outcome::NeedsFreshProcess(refusal) => Err(refusal.reason),
        Outcome::Swapped | Outcome::Unchanged | Outcome::Outdated => Ok(reloader),
    }
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
            Some(Box::new(CrateBuilder::new(Profile::Debug, show)))
        }
    };
    let shelf = shelf().map_err(|error| error.to_string())?;
    let manifest = manifest_args.manifest.clone();
    let reloader = Reloader::new(manifest, environment, shelf, libraries, color);
    Ok(reloader.trusting(manifest_args.trust.trust))
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| format!("cannot start the async runtime: {error}"))?;
    Ok(runtime.block_on(work))
}
