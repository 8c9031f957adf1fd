//! `stackup lock`: records the library of each plugin in the lock file.

use std::process::ExitCode;

use super::arguments::ManifestArgs;
use super::check::{block_on, reloader};
use super::output::{print, print_error};
use crate::load::lock::{lock_path, write};

pub(super) fn lock(manifest_args: &ManifestArgs, color: bool) -> ExitCode {
    match locked(manifest_args, color) {
        Ok(line) => print(&line),
        Err(reason) => {
            print_error(&reason);
            ExitCode::FAILURE
        }
    }
}

fn locked(manifest_args: &ManifestArgs, color: bool) -> Result<String, String> {
    let mut reloader = reloader(manifest_args, "production", color)?;
    let lock = block_on(reloader.lock())?.map_err(|refusal| refusal.reason)?;
    let path = lock_path(&manifest_args.manifest);
    let shown = path.display();
    write(&path, &lock)
        .map_err(|error| format!("cannot write the lock file `{shown}`: {error}"))?;
    let count = lock.0.len();
    let libraries = if count == 1 { "library" } else { "libraries" };
    Ok(format!("{shown} has {count} {libraries}"))
}
