//! The process that runs plugins: it serves on sockets that it was given, and reloads.
//!
//! It knows of its supervisor only the line (`link`). When it dies another one takes its place, so all
//! that must survive it is told on the line.

mod commands;
mod editor_schema;
mod monitor;
mod record;
mod reload_loop;
mod serve;
mod tell;

use std::io;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;

use stackup_plugin::abi::host::crash_report;

use self::commands::Orders;
use self::serve::{say, serve};
use crate::develop::compile::{Crates, Profile, Show};
use crate::develop::trace::TraceLayers;
use crate::load::library::{Candidate, RuntimeDir, Shelf, Vault};
use crate::load::probe::ChildProbe;
use crate::process::ipc::{Assignment, Mouth, PROTOCOL, Word, receive};
use crate::serve::generation::{Libraries, Reloader};
use crate::serve::server::Listener;
use crate::services::{self, LogSettings, level_of, start_log};

/// Serves as the supervisor at the other end of stdin says.
pub fn main() -> ExitCode {
    let begun = take_line().and_then(|line| Ok((receive::<Assignment>(&line)?, line)));
    match begun {
        Ok(((assignment, sockets), line)) => work(assignment, sockets, line),
        Err(error) => {
            eprintln!("error: `stackup __worker` is for stackup's own use: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The line, under a number that no child inherits; plugins find nothing in stdin.
fn take_line() -> io::Result<UnixStream> {
    let line = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let nothing = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    Ok(line.into())
}

fn work(assignment: Assignment, sockets: Vec<OwnedFd>, line: UnixStream) -> ExitCode {
    start_log(LogSettings {
        format: assignment.format,
        level: level_of(assignment.level),
        color: assignment.color,
    });
    match try_work(assignment, sockets, line) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("the worker can't go on: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_work(
    assignment: Assignment,
    sockets: Vec<OwnedFd>,
    line: UnixStream,
) -> Result<ExitCode, String> {
    let mut sockets = sockets.into_iter();
    if let Some(pipe) = sockets.next() {
        // For as long as the process lives: it is written to when it dies.
        crash_report::install(pipe.into_raw_fd()).map_err(told)?;
    }
    let mouth = Arc::new(Mouth::new(line.try_clone().map_err(told)?));
    let hello = Word::Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    mouth.say(&hello).map_err(told)?;
    let orders = Orders::hear(line).map_err(told)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let code = runtime.block_on(async {
        services::lend();
        let reloader = reloader(&assignment, &mouth)?;
        let listeners: io::Result<Vec<_>> = sockets.map(Listener::adopt).collect();
        let listeners = listeners.map_err(|error| format!("a socket is of no use: {error}"))?;
        serve(assignment, reloader, listeners, orders, mouth).await
    });
    // From here on an exit is no crash. A plugin that blocks its thread must not keep the process.
    crash_report::disarm();
    runtime.shutdown_background();
    code
}

fn told(error: io::Error) -> String {
    error.to_string()
}

fn reloader(assignment: &Assignment, mouth: &Arc<Mouth>) -> Result<Reloader, String> {
    let dir = RuntimeDir::create(&Candidate::from_env()).map_err(|error| error.to_string())?;
    let libraries = assignment.build.map(|build| {
        let profile = if build.release {
            Profile::Release
        } else {
            Profile::Debug
        };
        let show = Show {
            quiet: build.quiet,
            color: assignment.color,
        };
        Box::new(Crates::new(profile, show)) as Box<dyn Libraries>
    });
    let probe = ChildProbe::of_this_program();
    let probe = probe.map_err(|error| format!("this program can't find itself: {error}"))?;
    let mut reloader = Reloader::new(
        assignment.manifest.clone(),
        assignment.environment.clone(),
        Shelf::new(dir),
        libraries,
        // A browser shows colours wherever the log goes.
        assignment.color || assignment.build.is_some(),
    );
    if assignment.build.is_some() {
        reloader = reloader.observed_by(Arc::new(TraceLayers));
    }
    if assignment.locked {
        reloader = reloader.locked();
    }
    let mouth = Arc::clone(mouth);
    let trying = move |state: Option<&str>| {
        let state = state.map(str::to_owned);
        say(&mouth, &Word::Trying { state });
    };
    Ok(reloader
        .telling(Box::new(trying))
        .probing(Box::new(probe))
        .keeping(Vault::new(assignment.vault.clone()))
        .after(
            assignment.generation,
            assignment.avoid.clone(),
            assignment.instead.clone(),
        ))
}
