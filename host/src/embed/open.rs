//! Builds the first stack, and starts what keeps it up to date.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use super::lent::OwnLent;
use super::open_error::OpenError;
use super::options::OpenOptions;
use super::reloads::{Checks, Reloads};
use super::stack::OpenStack;
use crate::load::library::{BaseDir, LibraryCache, RuntimeDir};
use crate::load::manifest::Embedded;
use crate::load::site;
use crate::load::watch::{PendingChanges, Timing, Watcher};
use crate::serve::generation::{Outcome, ReloadMode, Reloader, Report};
use crate::serve::reload_loop::{ReloadLoop, announce, warn};
use crate::serve::server::Answers;

/// Requests of the handles that may wait.
const REQUESTS: usize = 8;

/// Opens the stack of `manifest`; `wraps` says that it stands around a service.
pub(super) async fn open(
    options: OpenOptions,
    manifest: &Path,
    wraps: bool,
) -> Result<Arc<OpenStack>, OpenError> {
    let probe = options.probe.probe()?;
    let dir = tokio::task::spawn_blocking(|| RuntimeDir::create(&BaseDir::from_env()));
    let dir = dir.await.map_err(|_| OpenError::RuntimeEnded)?;
    let dir = dir.map_err(|error| OpenError::NoDirectory(error.to_string()))?;
    let own_lent = OwnLent::take();
    let (path, environment) = (manifest.to_path_buf(), options.environment.clone());
    let mut reloader = Reloader::new(path, environment, LibraryCache::new(dir), None, false)
        .located_at(site::absolute(manifest))
        .embedded(Embedded {
            wraps,
            shares: own_lent.is_none(),
            is_cgi: options.is_cgi,
        });
    if let Some(probe) = probe {
        reloader = reloader.probing(probe);
    }
    if options.locked {
        reloader = reloader.locked();
    }
    if let Some(trust) = options.trust {
        reloader = reloader.trusting(trust);
    }
    if let Some(own_lent) = &own_lent {
        reloader = reloader.lending(own_lent.lent());
    }
    let watching = |error| OpenError::System {
        what: "cannot watch files",
        error,
    };
    let (watch, changes) =
        Watcher::new(Timing::default()).map_err(|error| watching(std::io::Error::other(error)))?;
    let (watch, pending) = (Arc::new(watch), PendingChanges::collect(changes));
    reloader = reloader.watching(Arc::clone(&watch), Arc::clone(&pending));
    let start = Instant::now();
    let report = first(&mut reloader).await;
    if let Outcome::Refused(refusal) | Outcome::NeedsFreshProcess(refusal) = &report.outcome {
        return Err(OpenError::Refused(refusal.reason.trim_end().to_owned()));
    }
    warn(&report);
    announce(&reloader, report.generation, start.elapsed());
    let Some(active) = reloader.active() else {
        let nothing = "internal error: the first stack is missing".to_owned();
        return Err(OpenError::Refused(nothing));
    };
    let checks = Checks::start(Arc::clone(&active), reloader.registry());
    let checks = checks.map_err(|error| OpenError::System {
        what: "cannot start the watchdog's thread",
        error,
    })?;
    let (requests, received) = mpsc::channel(REQUESTS);
    let reloads = Reloads {
        reloads: ReloadLoop::new(reloader, watch, 0, None),
        pending,
        watch: options.watch,
        requests: received,
        checks,
        own_lent,
    };
    tokio::spawn(reloads.run());
    Ok(Arc::new(OpenStack {
        answers: Answers::new(Arc::clone(&active)),
        active,
        client: options.client,
        requests,
    }))
}

async fn first(reloader: &mut Reloader) -> Report {
    loop {
        let report = reloader.reload(ReloadMode::Force).await;
        if report.outcome != Outcome::Outdated {
            return report;
        }
    }
}
