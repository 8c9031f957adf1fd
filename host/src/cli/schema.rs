//! `stackup schema`: the JSON Schema of a manifest, for editors.

use std::process::ExitCode;

use super::arguments::ManifestArgs;
use super::check::{block_on, print_error, reloader};
use crate::services;

pub(super) fn schema(manifest_args: &ManifestArgs, color: bool) -> ExitCode {
    let schema = reloader(manifest_args, "development", color).and_then(|mut reloader| {
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
            print_error(&reason);
            ExitCode::FAILURE
        }
    }
}
