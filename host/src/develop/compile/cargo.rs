//! Runs cargo. Dropping a run kills cargo and everything that it has started.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use log_text::TerminalFilter;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::messages::{Message, read};
use super::process_guard;
use super::whole_lines::WholeLines;
use crate::load::program;
use crate::services::write_to_stderr;

/// The profile of cargo's that plugins are built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile(String);

impl Profile {
    /// Fast to build.
    #[must_use]
    pub fn dev() -> Self {
        Self::named("dev")
    }

    /// Fast to run.
    #[must_use]
    pub fn release() -> Self {
        Self::named("release")
    }

    /// One of `[profile.NAME]` in the workspace's `Cargo.toml`, or of cargo's own. cargo reports one that is not there.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }
}

/// What the terminal shows of cargo's output.
#[derive(Debug, Clone, Copy)]
pub struct CargoOutput {
    /// Cargo's errors only.
    pub quiet: bool,
    /// Colours, and on a terminal a progress bar.
    pub color: bool,
}

/// The cargo that runs this program, else the one on the path.
fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A command that runs cargo with the environment of [`absolute_target_dirs`].
pub(super) fn command() -> std::process::Command {
    let mut command = std::process::Command::new(program());
    command.envs(absolute_target_dirs());
    command
}

/// Relative target directories in the environment, made absolute: cargo would resolve them in each folder that it runs
/// in.
fn absolute_target_dirs() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let names = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];
    names.into_iter().filter_map(|name| {
        let folder = std::env::var_os(name).filter(|folder| !folder.is_empty())?;
        Some((name, std::path::absolute(folder).ok()?))
    })
}

/// A running cargo.
pub(super) struct Cargo {
    child: Child,
    /// The guard kills the group when this is closed.
    _stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Cargo {
    /// Builds the libraries of the packages with these ids.
    ///
    /// # Errors
    ///
    /// When cargo cannot be started.
    pub(super) fn build(
        workspace: &Path,
        packages: &[&str],
        profile: &Profile,
        output: CargoOutput,
    ) -> Result<Self, String> {
        let no_cargo = |error: std::io::Error| format!("cannot run cargo: {error}");
        let mut command = Command::new(program::current_exe().map_err(no_cargo)?);
        command.arg(process_guard::ARGUMENT).arg(program());
        command.args([
            "build",
            "--lib",
            "--message-format=json-diagnostic-rendered-ansi",
        ]);
        command.args(["--profile", profile.name()]);
        if output.quiet {
            command.arg("--quiet");
        }
        for package in packages {
            command.args(["--package", package]);
        }
        if output.color {
            set_terminal_env(&mut command);
        }
        let mut child = command
            .envs(absolute_target_dirs())
            .current_dir(workspace)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(no_cargo)?;
        Ok(Self {
            _stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            child,
        })
    }

    /// Passes each message to `each`, forwards stderr, and waits for the end. Returns the exit status and what cargo wrote
    /// to stderr.
    ///
    /// # Errors
    ///
    /// When waiting for cargo fails.
    pub(super) async fn run(
        mut self,
        each: impl FnMut(Message) + Send,
    ) -> Result<(ExitStatus, String), String> {
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let ((), stderr) = tokio::join!(read_messages(stdout, each), forward_stderr(stderr));
        let ended = self.child.wait().await;
        let status = ended.map_err(|error| format!("cannot wait for cargo: {error}"))?;
        Ok((status, stderr))
    }
}

impl Drop for Cargo {
    fn drop(&mut self) {
        // None after `wait`: the id may belong to another process by then.
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Cargo's stderr is a pipe: the environment tells it what it would detect on a terminal.
fn set_terminal_env(command: &mut Command) {
    let mut set = |name: &str, value: &str| {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    };
    set("CARGO_TERM_COLOR", "always");
    let stderr = std::io::stderr();
    let size = rustix::termios::tcgetwinsize(&stderr);
    if let Some(size) = size
        .ok()
        .filter(|size| size.ws_col > 0 && stderr.is_terminal())
    {
        set("CARGO_TERM_PROGRESS_WHEN", "always");
        set("CARGO_TERM_PROGRESS_WIDTH", &size.ws_col.to_string());
    }
}

async fn read_messages(stdout: Option<ChildStdout>, mut each: impl FnMut(Message)) {
    let Some(stdout) = stdout else { return };
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(message) = read(&line) {
            each(message);
        }
    }
}

/// Forwards cargo's stderr, including its progress bar, and returns it.
async fn forward_stderr(stderr: Option<ChildStderr>) -> String {
    let Some(mut stderr) = stderr else {
        return String::new();
    };
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    // It quotes build scripts and names of packages.
    let (mut filter, mut lines) = (TerminalFilter::default(), WholeLines::default());
    while let Ok(length @ 1..) = stderr.read(&mut piece).await {
        let piece = &piece[..length];
        write_to_stderr(filter.pass(&lines.pass(piece)).as_bytes());
        all.extend_from_slice(piece);
    }
    write_to_stderr(filter.pass(&lines.rest()).as_bytes());
    write_to_stderr(filter.finish().as_bytes());
    String::from_utf8_lossy(&all).into_owned()
}
