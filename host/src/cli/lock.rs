//! `stackup lock`: writes down which libraries the plugins are.

use std::process::ExitCode;

use super::arguments::Place;
use super::check::{block_on, complain, reloader};
use crate::load::lock::{lock_path, write};

pub(super) fn lock(place: &Place, color: bool) -> ExitCode {
    match locked(place, color) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            complain(&reason);
            ExitCode::FAILURE
        }
    }
}

fn locked(place: &Place, color: bool) -> Result<String, String> {
    let mut reloader = reloader(place, "production", color)?;
    let lock = block_on(reloader.lock())?.map_err(|refusal| refusal.reason)?;
    let path = lock_path(&place.manifest);
    let shown = path.display();
    write(&path, &lock).map_err(|error| format!("the lock `{shown}` can't be written: {error}"))?;
    let count = lock.0.len();
    let libraries = if count == 1 { "library" } else { "libraries" };
    Ok(format!("{shown} has {count} {libraries}"))
}
