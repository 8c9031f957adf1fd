//! `stackup check` and `stackup stack`: the whole corridor, short of serving.

use std::process::ExitCode;

use super::arguments::{Place, Plan};
use super::serve::{probe, shelf};
use crate::develop::compile::{CargoOutput, CrateBuilder, Profile};
use crate::serve::generation::{LibraryBuilder, Outcome, ReloadMode, Reloader};
use crate::services;

pub(super) fn check(plan: &Plan, color: bool) -> ExitCode {
    let shown = plan.place.manifest.display();
    match walk(plan, color) {
        Ok(reloader) => {
            let count = reloader
                .outline()
                .map_or(0, |outline| outline.handlers().count());
            let directives = if count == 1 {
                "directive"
            } else {
                "directives"
            };
            println!("{shown} is fine: {count} {directives}, every plugin loads and can be built");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            complain(&reason);
            ExitCode::FAILURE
        }
    }
}

pub(super) fn stack(plan: &Plan, color: bool) -> ExitCode {
    match walk(plan, color) {
        Ok(reloader) => {
            println!(
                "{}",
                reloader
                    .outline()
                    .map(ToString::to_string)
                    .unwrap_or_default()
            );
            ExitCode::SUCCESS
        }
        Err(reason) => {
            complain(&reason);
            ExitCode::FAILURE
        }
    }
}

/// Says on stderr why there is no result.
pub(super) fn complain(reason: &str) {
    let title = if services::has_level_prefix(reason) {
        ""
    } else {
        "error: "
    };
    // Without its colours where they are not wanted.
    anstream::eprintln!("{title}{}", reason.trim_end());
}

fn walk(plan: &Plan, color: bool) -> Result<Reloader, String> {
    let mut reloader = reloader(&plan.place, "development", color)?.probing(probe()?);
    if plan.locked {
        reloader = reloader.locked();
    }
    let report = block_on(async {
        services::install();
        reloader.reload(ReloadMode::Force).await
    })?;
    for warning in &report.warnings {
        eprintln!("{warning}\n");
    }
    for remark in &report.remarks {
        anstream::eprintln!("{remark}\n");
    }
    match report.outcome {
        Outcome::Refused(refusal) => Err(refusal.reason),
        Outcome::Swapped | Outcome::Unchanged | Outcome::Outdated => Ok(reloader),
    }
}

/// What walks the corridor for a command that serves nothing: in production it takes libraries that
/// are built already.
pub(super) fn reloader(place: &Place, default: &str, color: bool) -> Result<Reloader, String> {
    let environment = place.environment.as_deref().unwrap_or(default).to_owned();
    let libraries: Option<Box<dyn LibraryBuilder>> = match environment.as_str() {
        "production" => None,
        _ => {
            let show = CargoOutput { quiet: true, color };
            Some(Box::new(CrateBuilder::new(Profile::Debug, show)))
        }
    };
    let shelf = shelf().map_err(|error| error.to_string())?;
    let manifest = place.manifest.clone();
    Ok(Reloader::new(
        manifest,
        environment,
        shelf,
        libraries,
        color,
    ))
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
    Ok(runtime.block_on(work))
}
