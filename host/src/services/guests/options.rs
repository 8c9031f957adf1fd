//! The options of a guest: what is checked before it is started.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

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

/// Options that have been checked.
pub(super) struct Checked {
    /// With an absolute directory, without links.
    pub(super) options: GuestOptions,
    /// The directory as it is named: a link may lead elsewhere later.
    pub(super) named: PathBuf,
}

/// Checks options.
///
/// # Errors
///
/// The directory is none, or the program is not to be found.
pub(super) fn check(request: &GuestRequest) -> Result<Checked, GuestFailure> {
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
    Ok(Checked { options, named })
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

#[cfg(test)]
mod tests {
    use std::fs;

    use stackup_plugin::GuestListen;

    use super::*;

    #[test]
    fn what_programs_write_while_they_run_is_no_code() {
        for written in ["tmp/pids/a", "a/__pycache__/b.x", "own.log", "a/b.sqlite3"] {
            assert!(is_by_product(Path::new(written)), "{written}");
        }
        for code in ["app.rb", "a/logs.rb", "a/tmpl/b", "log.rb"] {
            assert!(!is_by_product(Path::new(code)), "{code}");
        }
    }

    #[test]
    fn program_is_found_by_the_path_of_the_guest() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("bin/serve");
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(&program, "").unwrap();
        let mut options = GuestOptions {
            name: "app".to_owned(),
            command: vec!["serve".to_owned()],
            dir: folder.path().to_owned(),
            env: [("PATH".to_owned(), "bin".to_owned())].into(),
            listen: GuestListen::Socket,
            ready: "/".to_owned(),
            ready_success: false,
            ready_timeout: 1,
            stop_timeout: 1,
            memory: None,
            max_age: None,
            watch: false,
        };
        let why = find("serve", &options).unwrap_err();
        assert!(why.contains("is in no directory of PATH"), "{why}");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        find("serve", &options).unwrap();
        find("bin/serve", &options).unwrap();
        options.env.clear();
        find("serve", &options).unwrap_err();
    }
}
