//! `stackup dev` and `stackup serve`.

use std::process::ExitCode;

use super::arguments::{DevArgs, LogArgs, ServeArgs};
use super::output::{print_error, print_warning};
use crate::develop::tls::development_tls;
use crate::load::library::{BaseDir, LibraryCache, RuntimeDir, RuntimeDirError};
use crate::load::manifest::{Listen, ListenTls};
use crate::load::probe::{ChildProbe, Probe};
use crate::load::program;
use crate::load::site;
use crate::process::ipc::BuildOptions;
use crate::process::supervisor::{self, Settings};
use crate::services::number_from_level;

pub(super) fn dev(dev: &DevArgs, options: &LogArgs, color: bool) -> ExitCode {
    let build = BuildOptions {
        release: dev.release,
        profile: dev.profile.clone(),
        quiet: options.quiet,
    };
    let tls = match dev.tls.then(|| certificate(dev.serve.host.as_deref())) {
        None => None,
        Some(Ok(tls)) => Some(tls),
        Some(Err(reason)) => {
            print_error(&reason);
            return ExitCode::FAILURE;
        }
    };
    start(&dev.serve, "development", Some(build), tls, options, color)
}

/// The certificate of `--tls`. Once, it says how to trust it.
fn certificate(host: Option<&str>) -> Result<ListenTls, String> {
    let made = development_tls(host).map_err(|error| error.to_string())?;
    if made.is_new {
        let ca = made.ca.display();
        print_warning(&format!(
            "note: `--tls` uses a new CA of your own: {ca}\n  \
             = help: add it to the authorities of your browser, or name it: `curl --cacert {ca} …`. Its key is beside it; only you can read it"
        ));
    }
    Ok(made.tls)
}

pub(super) fn serve(serve: &ServeArgs, options: &LogArgs, color: bool) -> ExitCode {
    start(serve, "production", None, None, options, color)
}

fn start(
    serve: &ServeArgs,
    default: &str,
    build: Option<BuildOptions>,
    tls: Option<ListenTls>,
    options: &LogArgs,
    color: bool,
) -> ExitCode {
    let environment = serve
        .stack
        .manifest_args
        .environment
        .as_deref()
        .unwrap_or(default);
    let served = program::installed_path()
        .map_err(|error| format!("cannot find the path of this program: {error}"))
        .and_then(|program| {
            supervisor::run(Settings {
                program,
                location: site::absolute(&serve.stack.manifest_args.manifest),
                manifest: serve.stack.manifest_args.manifest.clone(),
                environment: environment.to_owned(),
                listen: listen(serve),
                tls,
                build,
                locked: serve.stack.locked,
                trust: serve.stack.manifest_args.trust.trust,
                control: serve.control.as_deref().map(site::absolute),
                format: options.log_format,
                level: number_from_level(options.log_level()),
                color,
            })
        });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            print_error(&reason);
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
    let dir = RuntimeDir::create(&BaseDir::from_env())?;
    dir.warn_of_untrusted();
    Ok(LibraryCache::new(dir))
}

/// `-o` and `-p` together form one address, as in rackup.
fn listen(serve: &ServeArgs) -> Option<Vec<Listen>> {
    if serve.host.is_none() && serve.port.is_none() {
        return None;
    }
    let host = serve.host.as_deref().unwrap_or("127.0.0.1");
    if let Some(path) = host.strip_prefix("unix:") {
        return Some(vec![Listen::Unix(site::absolute(path.as_ref()))]);
    }
    let port = serve.port.unwrap_or(9292);
    let address = match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    Some(vec![Listen::Tcp(address)])
}
