//! Serve a manifest until told to stop: the server, the watch and the signals side by side.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::generation::{Outcome, Reloader, Report};
use crate::manifest::Listen;
use crate::server::{self, Listener, Settings};
use crate::watch::{Rhythm, Watch};

/// How long a handler may take to let go when all requests have ended.
const LAST_DRAIN: Duration = Duration::from_secs(2);

/// What may differ from the manifest.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Addresses in place of the manifest's.
    pub listen: Option<Vec<Listen>>,
    /// Whether an error's text goes to the client.
    pub show_errors: bool,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The first stack was refused; the text says why.
    #[error("{0}")]
    Refused(String),
    /// No socket.
    #[error(transparent)]
    Bind(#[from] server::BindError),
    /// The system denies us something.
    #[error("{0}")]
    System(String),
}

/// Serves until SIGINT or SIGTERM, reloading when files change or on SIGHUP.
///
/// # Errors
///
/// What keeps the first stack from being served. Later failures are logged.
pub async fn run(mut reloader: Reloader, overrides: Overrides) -> Result<(), RunError> {
    let system =
        |what: &str, error: &dyn std::fmt::Display| RunError::System(format!("{what}: {error}"));
    let (watch, mut changes) =
        Watch::new(Rhythm::default()).map_err(|error| system("files can't be watched", &error))?;
    let mut signals = Signals::listen().map_err(|error| system("no signals", &error))?;
    set(&watch, &reloader);
    let start = Instant::now();
    let report = reloader.reload(true).await;
    warn(&report);
    if let Outcome::Refused(reason) = report.outcome {
        return Err(RunError::Refused(reason));
    }
    let (Some(active), Some(manifest)) = (reloader.active(), reloader.manifest().cloned()) else {
        return Err(RunError::System("the first stack is missing".to_owned()));
    };
    let addresses = overrides.listen.unwrap_or(manifest.server.listen);
    let mut listeners = Vec::new();
    for address in &addresses {
        listeners.extend(Listener::bind(address).await?);
    }
    announce(&reloader, &listeners, start.elapsed());
    let (stop, stopped) = watch::channel(false);
    let settings = Settings {
        connections: manifest.limits.connections,
        show_errors: overrides.show_errors,
    };
    let generations = Arc::clone(&active);
    let deadline = move || generations.load().limits.shutdown_timeout;
    let mut serving = tokio::spawn(server::serve(
        listeners, active, settings, stopped, deadline,
    ));
    set(&watch, &reloader);
    catch_up(&mut reloader, &Outcome::Unchanged).await;
    let told = loop {
        let force = tokio::select! {
            ended = &mut serving => {
                return ended.map(drop).map_err(|error| system("the server ended", &error));
            }
            signal = signals.next() => match signal {
                Told::End(name) => break name,
                Told::Reload => true,
            },
            changed = changes.recv() => {
                if changed.is_none() {
                    return Err(RunError::System("the watch ended".to_owned()));
                }
                false
            }
        };
        follow(&mut reloader, &watch, force).await;
    };
    tracing::info!(event = "stopping", "{told}: finishing the last requests");
    // Nobody listens only if the server has ended already.
    let _ = stop.send(true);
    let cut = tokio::select! {
        ended = serving => ended.unwrap_or(0),
        name = signals.end() => {
            tracing::warn!("{name} again: not waiting any longer");
            0
        }
    };
    if cut > 0 {
        tracing::warn!(cut, "{cut} connections did not end in time and were cut");
    }
    reloader.retire(LAST_DRAIN).await;
    tracing::info!(event = "stopped", "stopped");
    Ok(())
}

fn set(watch: &Watch, reloader: &Reloader) {
    if let Err(error) = watch.set(reloader.files()) {
        tracing::error!("changes are not seen from here on: {error}");
    }
}

/// Reloads and tells of it.
async fn follow(reloader: &mut Reloader, watch: &Watch, force: bool) {
    let before: Vec<_> = reloader.files().collect();
    let start = Instant::now();
    let report = reloader.reload(force).await;
    tell(&report, start.elapsed());
    let after: Vec<_> = reloader.files().collect();
    if before != after {
        set(watch, reloader);
        catch_up(reloader, &report.outcome).await;
    }
}

/// Reloads what changed between the first look at a file and the moment it was watched: most often
/// nothing.
async fn catch_up(reloader: &mut Reloader, told: &Outcome) {
    let start = Instant::now();
    let report = reloader.reload(false).await;
    let known = match &report.outcome {
        Outcome::Unchanged => true,
        refused @ Outcome::Refused(_) => refused == told,
        Outcome::Swapped => false,
    };
    if !known {
        tell(&report, start.elapsed());
    }
}

fn announce(reloader: &Reloader, listeners: &[Listener], took: Duration) {
    let outline = reloader
        .outline()
        .map(ToString::to_string)
        .unwrap_or_default();
    let indented = outline.replace('\n', "\n  ");
    tracing::info!(
        event = "stack",
        generation = 1,
        "generation 1, ready in {} ms\n  {indented}",
        took.as_millis()
    );
    for listener in listeners {
        let url = listener.to_string();
        tracing::info!(event = "listening", url, "listening on {url}");
    }
}

fn warn(report: &Report) {
    for warning in &report.warnings {
        tracing::warn!(target: "stackup", event = "manifest-warning", "{warning}");
    }
}

fn tell(report: &Report, took: Duration) {
    warn(report);
    let generation = report.generation;
    let milliseconds = took.as_secs_f64() * 1000.0;
    let stages = stages(report);
    match &report.outcome {
        Outcome::Swapped => {
            let mut text =
                format!("generation {generation} serves after {milliseconds:.1} ms ({stages})");
            for change in &report.changes {
                let _ = write!(text, "\n  {change}");
            }
            let changes: Vec<_> = report.changes.iter().map(ToString::to_string).collect();
            tracing::info!(
                event = "reload",
                outcome = "swapped",
                generation,
                milliseconds,
                stages,
                changes = changes.join("\n"),
                "{text}"
            );
        }
        Outcome::Unchanged => tracing::info!(
            event = "reload",
            outcome = "unchanged",
            generation,
            milliseconds,
            stages,
            "nothing has changed: generation {generation} goes on serving"
        ),
        Outcome::Refused(reason) => tracing::error!(
            event = "reload",
            outcome = "refused",
            generation,
            milliseconds,
            error = reason,
            "{}\n\nthe change is refused: generation {generation} goes on serving",
            reason.trim_end()
        ),
    }
}

fn stages(report: &Report) -> String {
    let shown: Vec<_> = report
        .timings
        .iter()
        .map(|(stage, time)| format!("{stage} {:.1}", time.as_secs_f64() * 1000.0))
        .collect();
    shown.join(", ")
}

/// What a signal asks for.
enum Told {
    End(&'static str),
    Reload,
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::End("interrupted"),
            _ = self.terminate.recv() => Told::End("terminated"),
            _ = self.hangup.recv() => Told::Reload,
        }
    }

    /// The name of the next signal to end; others mean nothing any more.
    async fn end(&mut self) -> &'static str {
        loop {
            if let Told::End(name) = self.next().await {
                return name;
            }
        }
    }
}
