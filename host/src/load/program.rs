//! Where the running program's own file is.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use super::{site, tunables};

/// Set to the process's own number once it has executed itself again.
const EXECUTED: &str = "STACKUP_EXECUTED";

/// The path to start children of this same program, even after its file has been replaced.
///
/// # Errors
///
/// When the system does not report it.
pub(crate) fn current_exe() -> io::Result<PathBuf> {
    let named = std::env::current_exe();
    // What runs this program, as valgrind does, reports the program's path, although the kernel runs another file.
    if let Ok(path) = &named
        && path.exists()
        && !is_running(path)
    {
        return named;
    }
    // This names the file itself, not its path. The child resolves it, and at that moment the child still
    // runs this program.
    let own = Path::new("/proc/self/exe");
    match own.exists() {
        true => Ok(own.to_path_buf()),
        false => named,
    }
}

/// Executes this same program again if the environment lacks what a process needs that loads plugins: the system's
/// loader reads it only at the start.
pub(crate) fn prepare_for_plugins() {
    let own = process::id().to_string();
    // A loader that ignores the environment, as that of a program with file capabilities does, may also remove it.
    let executed = std::env::var_os(EXECUTED).is_some_and(|by| by == own.as_str());
    let Some(value) = tunables::missing().filter(|_| !executed) else {
        return;
    };
    let error = match current_exe() {
        Ok(program) => {
            let mut arguments = std::env::args_os();
            Command::new(program)
                .arg0(arguments.next().unwrap_or_default())
                .args(arguments)
                .env(tunables::VARIABLE, value)
                .env(EXECUTED, own)
                .exec()
        }
        Err(error) => error,
    };
    tracing::debug!(%error, "cannot execute this program again");
}

/// The path by which this program was started, links as they are: an upgrade starts what is there by then.
///
/// # Errors
///
/// When the system does not report it.
pub(crate) fn installed_path() -> io::Result<PathBuf> {
    let started_as = std::env::args_os().next().unwrap_or_default();
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    // A parent may start a program under any name: it counts only if it is this very file.
    let is_running = |path: &PathBuf| is_running(path);
    match candidates(&started_as, &search_path)
        .into_iter()
        .find(is_running)
    {
        Some(path) => Ok(path),
        None => std::env::current_exe(),
    }
}

/// Whether the file at `path` is the one that this process runs.
pub(crate) fn is_running(path: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    id(path).is_some_and(|file| Some(file) == id(Path::new("/proc/self/exe")))
}

/// Where a program started as `name` may be, as a shell looks for it.
fn candidates(name: &OsStr, search_path: &OsStr) -> Vec<PathBuf> {
    let name = Path::new(name);
    if name.components().count() > 1 {
        return vec![site::absolute(name)];
    }
    let folders = std::env::split_paths(search_path);
    folders
        .map(|folder| site::absolute(&folder).join(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_is_where_the_shell_finds_it() {
        let found = candidates("stackup".as_ref(), "/a:/opt/current".as_ref());
        assert_eq!(
            found,
            [Path::new("/a/stackup"), Path::new("/opt/current/stackup")]
        );
        let found = candidates("/opt/current/stackup".as_ref(), "/a".as_ref());
        assert_eq!(found, [Path::new("/opt/current/stackup")]);
    }

    #[test]
    fn only_the_running_file_counts() {
        assert!(is_running(&std::env::current_exe().unwrap()));
        assert!(!is_running(Path::new("/bin/sh")));
        assert!(!is_running(Path::new("/nowhere")));
    }
}
