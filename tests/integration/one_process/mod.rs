mod allocators;
mod databases;
mod floating_point;
mod process_state;
mod python;
mod sanitizer;
mod signals;
mod threads;
mod told;
mod valgrind;

use std::path::Path;
use std::process::Command;

use stackup_tests::Site;
use stackup_tests::site::read;

/// A site with this manifest and a plugin of `tests/real-crates/`.
fn site(manifest: &str, plugin: &str, library: &Path) -> Site {
    let site = Site::new(manifest, &[]);
    site.library(plugin, &read(library));
    site
}

/// A library of the system whose name begins and ends so, as the system's loader knows it.
fn installed_library(start: &str, end: &str) -> Option<String> {
    let printed = ["ldconfig", "/sbin/ldconfig"]
        .iter()
        .find_map(|program| Command::new(program).arg("-p").output().ok())?;
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    let mut names = printed.split_whitespace();
    let name = names.find(|name| name.starts_with(start) && name.ends_with(end));
    name.map(str::to_owned)
}

/// The code that the `number`th copy of a library answers with.
fn code(name: &str, number: u32) -> String {
    format!("stackup-{name}-code-{number:08}")
}
