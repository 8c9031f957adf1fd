//! `stackup schema`: the JSON Schema of a manifest, for editors.

use std::process::ExitCode;

use super::arguments::ManifestArgs;
use super::check::{block_on, reloader};
use super::output::{print, print_error};
use crate::services;

pub(super) fn schema(manifest_args: &ManifestArgs, color: bool) -> ExitCode {
    let schema = reloader(manifest_args, "development", color).and_then(|mut reloader| {
        block_on(async {
            let _store = services::install(0);
            reloader.schema().await
        })?
        .map_err(|refusal| refusal.reason)
    });
    match schema {
        Ok(schema) => print(&format!("{schema:#}")),
        Err(reason) => {
            print_error(&reason);
            ExitCode::FAILURE
        }
    }
}
