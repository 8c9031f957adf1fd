//! `stackup schema`: what editors need to know of a manifest.

use std::process::ExitCode;

use super::arguments::Place;
use super::check::{block_on, complain, reloader};
use crate::services;

pub(super) fn schema(place: &Place, color: bool) -> ExitCode {
    let schema = reloader(place, "development", color).and_then(|mut reloader| {
        block_on(async {
            services::install();
            reloader.schema().await
        })?
        .map_err(|refusal| refusal.reason)
    });
    match schema {
        Ok(schema) => {
            println!("{schema:#}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            complain(&reason);
            ExitCode::FAILURE
        }
    }
}
