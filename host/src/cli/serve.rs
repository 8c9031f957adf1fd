//! `stackup dev` and `stackup serve`.

use std::process::ExitCode;

use super::arguments::{DevSite, LogOptions, Site};
use crate::build::{Crates, Profile};
use crate::generation::{Libraries, Reloader};
use crate::library::{Candidate, RuntimeDir, RuntimeDirError, Shelf};
use crate::manifest::Listen;
use crate::probe::{ChildProbe, Probe};
use crate::run::{Overrides, run};
use crate::services;

pub(super) fn dev(dev: &DevSite, options: &LogOptions, color: bool) -> ExitCode {
    let profile = if dev.release {
        Profile::Release
    } else {
        Profile::Debug
    };
    let crates = Crates::new(profile, options.quiet);
    start(&dev.site, "development", Some(Box::new(crates)), color)
}

pub(super) fn serve(site: &Site, _options: &LogOptions, color: bool) -> ExitCode {
    start(site, "production", None, color)
}

fn start(
    site: &Site,
    default: &str,
    libraries: Option<Box<dyn Libraries>>,
    color: bool,
) -> ExitCode {
    let environment = site
        .plan
        .place
        .environment
        .clone()
        .unwrap_or_else(|| default.to_owned());
    let overrides = Overrides {
        listen: listen(site),
        show_errors: environment == "development",
    };
    let served = shelf()
        .map_err(|error| error.to_string())
        .and_then(|shelf| {
            let manifest = site.plan.place.manifest.clone();
            let mut reloader =
                Reloader::new(manifest, environment, shelf, libraries, color).probing(probe()?);
            if site.plan.locked {
                reloader = reloader.locked();
            }
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .map_err(|error| format!("no runtime: {error}"))?;
            runtime.block_on(async {
                services::lend();
                run(reloader, overrides)
                    .await
                    .map_err(|error| error.to_string())
            })?;
            // A plugin that blocks its thread must not keep the process.
            runtime.shutdown_background();
            Ok(())
        });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            super::check::complain(&reason);
            ExitCode::FAILURE
        }
    }
}

/// Children of this program try plugins out.
pub(super) fn probe() -> Result<Box<dyn Probe>, String> {
    let probe = ChildProbe::of_this_program();
    let probe = probe.map_err(|error| format!("this program can't find itself: {error}"))?;
    Ok(Box::new(probe))
}

/// An empty shelf in a private directory.
pub(super) fn shelf() -> Result<Shelf, RuntimeDirError> {
    RuntimeDir::create(&Candidate::from_env()).map(Shelf::new)
}

/// `-o` and `-p` together stand for one address, as rackup's do.
fn listen(site: &Site) -> Option<Vec<Listen>> {
    if site.host.is_none() && site.port.is_none() {
        return None;
    }
    let host = site.host.as_deref().unwrap_or("127.0.0.1");
    if let Some(path) = host.strip_prefix("unix:") {
        return Some(vec![Listen::Unix(path.into())]);
    }
    let port = site.port.unwrap_or(9292);
    let address = match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    Some(vec![Listen::Tcp(address)])
}
