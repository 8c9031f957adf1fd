//! The process that runs plugins: it serves on sockets that it inherits, and reloads.
//!
//! Its only connection to the supervisor is the socket pair of `ipc`. When a worker dies, another one
//! takes its place; what must survive it is therefore sent to the supervisor.

#[cfg(feature = "acme")]
mod acme;
mod certificates;
mod commands;
mod end;
mod file_limit;
mod handover;
mod monitor;
mod overdue;
mod serve;
mod state;

use std::io;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use stackup_plugin::abi::host::crash_report;

use self::commands::Commands;
use self::serve::{send, serve};
use crate::develop::compile::{CargoOutput, CrateBuilder};
use crate::develop::trace::TraceLayers;
use crate::load::library::{BaseDir, LibraryCache, LibraryStore, RuntimeDir, sweep_after_holder};
use crate::load::probe::ChildProbe;
use crate::load::watch;
use crate::process::ipc::{Event, PROTOCOL, Sender, WorkerConfig, receive_with_descriptors};
use crate::serve::generation::{LibraryBuilder, Reloader};
use crate::services::{self, LogSettings, level_from_number, own_threads, start_log};

/// How long a worker that ends waits for what ends, too: its threads, a supervisor that was killed.
const LONGEST_END: Duration = Duration::from_secs(1);

/// Serves as the supervisor at the other end of stdin says.
pub fn main() -> ExitCode {
    let begun =
        take_stdin().and_then(|line| Ok((receive_with_descriptors::<WorkerConfig>(&line)?, line)));
    match begun {
        Ok(((config, sockets), line)) => run(config, sockets, line),
        Err(error) => {
            eprintln!("error: `stackup __worker` is for internal use only: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The socket at stdin, as a descriptor that no child inherits. Leaves `/dev/null` as stdin for plugins.
fn take_stdin() -> io::Result<UnixStream> {
    let line = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let nothing = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    Ok(line.into())
}

fn run(config: WorkerConfig, sockets: Vec<OwnedFd>, line: UnixStream) -> ExitCode {
    start_log(LogSettings {
        format: config.format,
        level: level_from_number(config.level),
        color: config.color,
    });
    match try_run(config, sockets, line) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("the worker failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(
    config: WorkerConfig,
    sockets: Vec<OwnedFd>,
    line: UnixStream,
) -> Result<ExitCode, String> {
    continue_without_supervisor();
    let library_store = config.library_store.clone();
    let mut sockets = sockets.into_iter();
    if let Some(pipe) = sockets.next() {
        // It stays open until the process dies, which is when it is written to.
        crash_report::install(pipe.into_raw_fd()).map_err(text)?;
    }
    let supervisor = line.try_clone().map_err(text)?;
    let events = Arc::new(Sender::new(line.try_clone().map_err(text)?));
    let hello = Event::Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        heartbeat: true,
        handover: true,
        data_commands: true,
    };
    events.send(&hello).map_err(text)?;
    file_limit::raise_for_start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_start(own_threads::enter)
        .on_thread_stop(own_threads::leave)
        .build()
        .map_err(|error| format!("cannot start the async runtime: {error}"))?;
    own_threads::enter();
    let dir = RuntimeDir::create(&BaseDir::from_env()).map_err(|error| error.to_string())?;
    let copies = dir.path().to_path_buf();
    let code = runtime.block_on(async {
        let lent = services::install(config.number);
        let sender = Arc::clone(&events);
        let tell = move |event| send(&sender, &Event::Guest(event));
        lent.guests.connect(tell, watch::state_of_files);
        let (store, guests) = (lent.store.clone(), lent.guests.clone());
        let read = Commands::read_from(line, Arc::clone(&events), store, guests);
        let (commands, inheritance) = read.map_err(text)?;
        let reloader = reloader(&config, dir, &events)?.lending(lent.clone());
        serve(
            config,
            reloader,
            lent,
            sockets.collect(),
            commands,
            inheritance,
            events,
        )
        .await
    });
    // From here on an exit is not a crash.
    crash_report::disarm();
    end::leave_nothing(runtime, &copies, LONGEST_END);
    if end::has_hung_up(&supervisor) {
        // It was killed, and has left its directory.
        sweep_after_holder(&library_store, LONGEST_END);
    }
    code
}

/// Has the system continue this process when the supervisor dies: one that is stopped would keep the sockets for ever. It
/// then reads that the supervisor is gone, and ends in good order.
fn continue_without_supervisor() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        if let Err(error) = set_parent_process_death_signal(Some(Signal::CONT)) {
            tracing::debug!("a stopped worker would outlive its supervisor: {error}");
        }
    }
}

fn text(error: io::Error) -> String {
    error.to_string()
}

fn reloader(
    config: &WorkerConfig,
    dir: RuntimeDir,
    events: &Arc<Sender>,
) -> Result<Reloader, String> {
    let libraries = config.build.as_ref().map(|build| {
        let show = CargoOutput {
            quiet: build.quiet,
            color: config.color,
        };
        Box::new(CrateBuilder::new(build.profile(), show)) as Box<dyn LibraryBuilder>
    });
    let probe = ChildProbe::of_this_program();
    let probe = probe.map_err(|error| format!("cannot find the path of this program: {error}"))?;
    let mut reloader = Reloader::new(
        config.manifest.clone(),
        config.environment.clone(),
        LibraryCache::new(dir),
        libraries,
        // A browser shows colours even if the log has none.
        config.color || config.build.is_some(),
    );
    if let Some(location) = config.location.clone() {
        reloader = reloader.located_at(location);
    }
    if config.build.is_some() {
        reloader = reloader.observed_by(Arc::new(TraceLayers));
    }
    if config.locked {
        reloader = reloader.locked();
    }
    reloader = reloader.trusting(config.trust);
    let events = Arc::clone(events);
    let trying = move |state: Option<&str>| {
        let state = state.map(str::to_owned);
        send(&events, &Event::Trying { state });
    };
    Ok(reloader
        .on_candidate(Box::new(trying))
        .probing(Box::new(probe))
        .keeping(LibraryStore::new(config.library_store.clone()))
        .after(
            config.generation,
            config.rejected.clone(),
            config.substitutes.clone(),
        ))
}
