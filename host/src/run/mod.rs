//! Serve a manifest until told to stop: the server, the watch and the signals side by side.

mod follow;
mod signals;
mod tell;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use self::follow::{Follower, Wanted, set};
use self::signals::{Signals, Told};
use self::tell::{announce, warn};
use crate::generation::{Ask, Outcome, Reloader};
use crate::manifest::Listen;
use crate::server::{self, Listener, Settings};
use crate::services::{Patience, Watchdog};
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
    let report = tokio::select! {
        report = reloader.reload(Ask::Forced) => report,
        _ = signals.end() => return Ok(()),
    };
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
    let generations = Arc::clone(&active);
    let patience = move || {
        let limits = &generations.load().limits;
        Patience {
            report: limits.block_report,
            limit: limits.block_limit,
        }
    };
    // There is no process yet that could take over from one that hangs.
    let _watchdog = Watchdog::start(patience, |_| {})
        .map_err(|error| system("no thread for the watchdog", &error))?;
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
    let mut follower = Follower::new(reloader, watch);
    let mut wanted = Some(Wanted::CatchUp);
    let told = 'serving: loop {
        if let Some(cause) = wanted.take() {
            let mut following = std::pin::pin!(follower.follow(cause));
            // A build may take its time; the end does not wait for it.
            loop {
                tokio::select! {
                    () = &mut following => break,
                    signal = signals.next() => match signal {
                        Told::End(name) => break 'serving name,
                        Told::Reload => wanted = Some(Wanted::Forced),
                    },
                }
            }
            continue;
        }
        wanted = Some(tokio::select! {
            ended = &mut serving => {
                return ended.map(drop).map_err(|error| system("the server ended", &error));
            }
            signal = signals.next() => match signal {
                Told::End(name) => break name,
                Told::Reload => Wanted::Forced,
            },
            changed = changes.recv() => match changed {
                Some(_) => Wanted::Changed,
                None => return Err(RunError::System("the watch ended".to_owned())),
            },
        });
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
    follower.reloader.retire(LAST_DRAIN).await;
    tracing::info!(event = "stopped", "stopped");
    Ok(())
}
