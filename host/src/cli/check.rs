//! `stackup check` and `stackup stack`: the whole corridor, short of serving.

use std::process::ExitCode;

use super::arguments::Place;
use super::serve::{probe, shelf};
use crate::build::{Crates, Profile};
use crate::generation::{Ask, Libraries, Outcome, Reloader};
use crate::services;

pub(super) fn check(place: &Place, color: bool) -> ExitCode {
    let shown = place.manifest.display();
    match walk(place, color) {
        Ok(reloader) => {
            let count = reloader
                .outline()
                .map_or(0, |outline| outline.pieces().count());
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

pub(super) fn stack(place: &Place, color: bool) -> ExitCode {
    match walk(place, color) {
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
    let title = if services::titled(reason) {
        ""
    } else {
        "error: "
    };
    eprintln!("{title}{}", reason.trim_end());
}

fn walk(place: &Place, color: bool) -> Result<Reloader, String> {
    let environment = place
        .environment
        .clone()
        .unwrap_or_else(|| "development".to_owned());
    let libraries: Option<Box<dyn Libraries>> = match environment.as_str() {
        "production" => None,
        _ => Some(Box::new(Crates::new(Profile::Debug, true))),
    };
    let shelf = shelf().map_err(|error| error.to_string())?;
    let mut reloader = Reloader::new(place.manifest.clone(), environment, shelf, libraries, color)
        .probing(probe()?);
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
    let report = runtime.block_on(async {
        services::lend();
        reloader.reload(Ask::Forced).await
    });
    for warning in &report.warnings {
        eprintln!("{warning}\n");
    }
    match report.outcome {
        Outcome::Refused(reason) => Err(reason),
        Outcome::Swapped | Outcome::Unchanged => Ok(reloader),
    }
}
