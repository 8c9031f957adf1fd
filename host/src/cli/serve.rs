//! `stackup dev` and `stackup serve`.

use std::process::ExitCode;

use super::arguments::{DevArgs, LogArgs, ServeArgs};
use crate::load::library::{BaseDir, LibraryCache, RuntimeDir, RuntimeDirError};
use crate::load::manifest::Listen;
use crate::load::probe::{ChildProbe, Probe};
use crate::process::ipc::BuildOptions;
use crate::process::supervisor::{self, Settings};
use crate::services::number_from_level;

pub(super) fn dev(dev: &DevArgs, options: &LogArgs, color: bool) -> ExitCode {
    let build = BuildOptions {
        release: dev.release,
        quiet: options.quiet,
    };
    start(&dev.serve, "development", Some(build), options, color)
}

pub(super) fn serve(site: &ServeArgs, options: &LogArgs, color: bool) -> ExitCode {
    start(site, "production", None, options, color)
}

fn start(
    site: &ServeArgs,
    default: &str,
    build: Option<BuildOptions>,
    options: &LogArgs,
    color: bool,
) -> ExitCode {
    let environment = site
        .stack
        .manifest_args
        .environment
        .as_deref()
        .unwrap_or(default);
    let served = std::env::current_exe()
        .map_err(|error| format!("cannot find the path of this program: {error}"))
        .and_then(|program| {
            supervisor::run(Settings {
                program,
                manifest: site.stack.manifest_args.manifest.clone(),
                environment: environment.to_owned(),
                listen: listen(site),
                build,
                locked: site.stack.locked,
                control: site.control.clone(),
                format: options.log_format,
                level: number_from_level(options.log_level()),
                color,
            })
        });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            super::check::print_error(&reason);
            ExitCode::FAILURE
        }
    }
}

/// A probe that loads plugins in a child process of this program first.
pub(super) fn probe() -> Result<Box<dyn Probe>, String> {
    let probe = ChildProbe::of_this_program();
    let probe = probe.map_err(|error| format!("cannot find the path of this program: {error}"))?;
    Ok(Box::new(probe))
}

/// An empty shelf in a private directory.
pub(super) fn shelf() -> Result<LibraryCache, RuntimeDirError> {
    RuntimeDir::create(&BaseDir::from_env()).map(LibraryCache::new)
}

/// `-o` and `-p` together form one address, as in rackup.
fn listen(site: &ServeArgs) -> Option<Vec<Listen>> {
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
