//! The options of a guest: what is checked before it is started.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

use stackup_plugin::GuestOptions;
use stackup_plugin::abi::host::{GuestFailure, GuestRequest};

/// The names of directories below a guest's that programs write to while they run.
const BY_PRODUCTS: [&str; 6] = ["__pycache__", "log", "logs", "node_modules", "tmp", "venv"];

/// The extensions of files that programs write while they run.
const WRITTEN: [&str; 10] = [
    "db",
    "sqlite",
    "sqlite3",
    "log",
    "pid",
    "pyc",
    "sock",
    "sqlite3-journal",
    "sqlite3-shm",
    "sqlite3-wal",
];

/// The options with an absolute directory.
///
/// # Errors
///
/// The directory is none, or the program is not to be found.
pub(super) fn check(request: &GuestRequest) -> Result<GuestOptions, GuestFailure> {
    let mut options = request.options.clone();
    let named = request.directory.join(&options.dir);
    options.dir = named.canonicalize().map_err(|error| {
        failure(
            "dir",
            format!("`{}` can't be entered: {error}", named.display()),
        )
    })?;
    if !options.dir.is_dir() {
        let why = format!("`{}` is no directory", options.dir.display());
        return Err(failure("dir", why));
    }
    let Some(program) = options.command.first() else {
        return Err(failure("command", "it names no program"));
    };
    find(program, &options).map_err(|why| failure("command[0]", why))?;
    Ok(options)
}

/// An invalid option; with an empty name a failure of the guest.
pub(super) fn failure(option: &str, message: impl Into<String>) -> GuestFailure {
    GuestFailure {
        option: option.to_owned(),
        message: message.into(),
    }
}

/// Finds a program as the system does when the guest is started.
fn find(program: &str, options: &GuestOptions) -> Result<(), String> {
    if program.contains('/') {
        let file = options.dir.join(program);
        return match is_executable(&file) {
            true => Ok(()),
            false => Err(format!("`{}` is no program", file.display())),
        };
    }
    let path = options.env.get("PATH").map(Into::into);
    let path = path
        .or_else(|| std::env::var_os("PATH"))
        .unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    match folders.any(|folder| is_executable(&options.dir.join(folder).join(program))) {
        true => Ok(()),
        false => Err(format!(
            "`{program}` is in no directory of PATH: install it, or write its path"
        )),
    }
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Whether programs write such a file while they run, so that it is no part of their code. The path is relative to the
/// guest's directory.
pub(super) fn is_by_product(path: &Path) -> bool {
    let named = |part: Component<'_>| BY_PRODUCTS.iter().any(|name| part.as_os_str() == *name);
    let extension = path.extension().and_then(OsStr::to_str);
    let written = extension.is_some_and(|extension| WRITTEN.contains(&extension));
    written || path.components().any(named)
}
