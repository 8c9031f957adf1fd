//! What can be typed.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use tracing::level_filters::LevelFilter;

use crate::services::LogFormat;

/// Serves the middleware and the app that config.ru.toml names, each a dynamic library, and swaps in
/// new code or a new order while requests are in flight.
///
/// Without a command: `stackup dev`.
#[derive(Debug, Parser)]
#[command(name = "stackup", version, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    dev: DevSite,
    #[command(flatten)]
    log: LogOptions,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build the plugins that are crates in reach, serve, and watch (the default)
    Dev(DevSite),
    /// Serve libraries that are built already
    Serve(Site),
    /// Make a site, or a plugin of a site
    #[command(subcommand)]
    New(New),
    /// Check the manifest and every plugin it names; exit 1 if something is wrong
    Check(Plan),
    /// Print the stack as a tree, with versions, fingerprints and configs
    Stack(Plan),
    /// Tell what runs: workers, generations and what keeps them, failures, reloads
    Status {
        #[command(flatten)]
        target: Target,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Look for changes now, wait, and print the verdict; exit 1 if it was refused
    Reload {
        #[command(flatten)]
        target: Target,
        /// Build every instance anew, even if nothing has changed
        #[arg(long)]
        fresh: bool,
        /// Take up again what was rolled back or quarantined
        #[arg(long)]
        retry: bool,
        /// Print the verdict as JSON
        #[arg(long)]
        json: bool,
    },
    /// Replace the worker by a fresh one, without a lost request
    Restart(Target),
    /// Replace worker and supervisor by the `stackup` that is installed now, without a lost request
    Upgrade(Target),
    /// End, when the last requests have
    Stop(Target),
    /// Write down which libraries the plugins are, beside the manifest, for `--locked`
    Lock(Place),
    /// Print the JSON Schema of the manifest, with the config of each plugin that it names
    Schema(Place),
    /// Print what a library says of itself, without running any of its code
    Inspect {
        /// The library file
        library: PathBuf,
        /// Load it and print the JSON Schema of each handler's config as well
        #[arg(long)]
        schema: bool,
    },
}

/// What can be made.
#[derive(Debug, Subcommand)]
pub(super) enum New {
    /// Make a site: a folder with a manifest, an app, a middleware, and their tests
    Site {
        /// The folder, which is the site's name, too
        name: PathBuf,
        #[command(flatten)]
        api: Api,
    },
    /// Make a plugin in `plugins/NAME` of a site
    #[command(group = ArgGroup::new("kind").required(true))]
    Plugin {
        /// The plugin's name
        name: String,
        /// It is an app: it answers requests
        #[arg(long, group = "kind")]
        app: bool,
        /// It is a middleware: it answers requests with the help of what stands below it
        #[arg(long, group = "kind")]
        middleware: bool,
        /// The site [default: the nearest folder with config.ru.toml, from the current one upwards]
        #[arg(long = "in", value_name = "FOLDER")]
        site: Option<PathBuf>,
        #[command(flatten)]
        api: Api,
    },
}

/// Where the crate of plugin authors is.
#[derive(Debug, Args)]
pub(super) struct Api {
    /// The folder of the crate `stackup-plugin` [default: that of the checkout which this stackup was
    /// built from, as long as it is there; else the released version]
    #[arg(long, value_name = "FOLDER")]
    pub(super) plugin_api: Option<PathBuf>,
}

/// Where the stack is described.
#[derive(Debug, Clone, Args)]
pub(super) struct Place {
    /// The manifest
    #[arg(default_value = "config.ru.toml")]
    pub(super) manifest: PathBuf,
    /// The environment, as `only` and `except` name it [default: development; `serve`
    /// and `lock`: production]
    #[arg(short = 'E', long = "env", value_name = "NAME", env = "STACKUP_ENV")]
    pub(super) environment: Option<String>,
}

/// The same, with what may be loaded for it.
#[derive(Debug, Clone, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) place: Place,
    /// Load only the very libraries that `stackup lock` wrote down
    #[arg(long)]
    pub(super) locked: bool,
}

/// What is served, and where.
#[derive(Debug, Clone, Args)]
pub(super) struct Site {
    #[command(flatten)]
    pub(super) plan: Plan,
    /// Listen on this address (or `unix:/path`), in place of the manifest's `listen`
    #[arg(short = 'o', long, value_name = "ADDRESS")]
    pub(super) host: Option<String>,
    /// Listen on this port; 0 takes a free one
    #[arg(short = 'p', long, value_name = "PORT")]
    pub(super) port: Option<u16>,
    /// Be asked by `stackup status` and the like on this socket [default: beside the manifest]
    #[arg(long, value_name = "PATH", env = "STACKUP_CONTROL")]
    pub(super) control: Option<PathBuf>,
}

/// A stackup that runs.
#[derive(Debug, Clone, Args)]
pub(super) struct Target {
    /// The manifest that it serves
    #[arg(default_value = "config.ru.toml")]
    pub(super) manifest: PathBuf,
    /// Its control socket [default: beside the manifest]
    #[arg(long, value_name = "PATH", env = "STACKUP_CONTROL")]
    pub(super) control: Option<PathBuf>,
}

/// The same, built first.
#[derive(Debug, Clone, Args)]
pub(super) struct DevSite {
    #[command(flatten)]
    pub(super) site: Site,
    /// Build the plugins in the release profile
    #[arg(long)]
    pub(super) release: bool,
}

/// How much is told, and how.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct LogOptions {
    /// How the log on stderr is written
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
    /// Tell warnings and errors only
    #[arg(short = 'q', long, global = true)]
    pub(super) quiet: bool,
    /// Tell more; twice: everything
    #[arg(short = 'v', long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

impl Arguments {
    pub(super) fn command(self) -> (Command, LogOptions) {
        (self.command.unwrap_or(Command::Dev(self.dev)), self.log)
    }
}

impl LogOptions {
    pub(super) fn log_level(self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::WARN,
            (false, 0) => LevelFilter::INFO,
            (false, 1) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        }
    }
}
