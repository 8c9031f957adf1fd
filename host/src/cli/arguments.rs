//! The commands and their options.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand};
use tracing::level_filters::LevelFilter;

use crate::load::library::Trust;
use crate::services::LogFormat;

/// Serves the middleware and the app that config.ru.toml names, each a dynamic library, and swaps in
/// new code or a new order while requests are in flight.
///
/// Without a command, runs `stackup dev`.
#[derive(Debug, Parser)]
#[command(name = "stackup", version, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    dev: DevArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build the plugins from their crates, serve, and reload on changes (the default)
    Dev(DevArgs),
    /// Serve libraries that are already built
    Serve(ServeArgs),
    /// Answer one request of a web server that starts a process for each (CGI)
    Cgi(CgiArgs),
    /// Create a site, or a plugin in a site
    #[command(subcommand)]
    New(NewArgs),
    /// Check the manifest, every plugin in it and the certificates of its listeners; exit with 1 on errors
    Check(StackArgs),
    /// Print the stack as a tree, with versions, fingerprints and configs
    Stack(StackArgs),
    /// Show workers, generations and what holds them, failures and reloads
    Status {
        #[command(flatten)]
        target: TargetArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what the server counts and measures, as OpenMetrics text
    Metrics {
        #[command(flatten)]
        target: TargetArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show requests, layers and reloads as they happen
    Top(TopArgs),
    /// Reload now and print the result; exit with 1 if the change is refused
    Reload {
        #[command(flatten)]
        target: TargetArgs,
        /// Build every instance again, even if nothing has changed
        #[arg(long)]
        fresh: bool,
        /// Try again what was rolled back or quarantined
        #[arg(long)]
        retry: bool,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the stacks that have served last, latest first
    History {
        #[command(flatten)]
        target: TargetArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what a reload would change, without doing it
    Diff(DiffArgs),
    /// Serve an earlier stack again, with the code and the manifest of then, without losing a request
    Rollback {
        /// A generation of `stackup history` [default: the last stack that was not rolled back]
        generation: Option<u64>,
        #[command(flatten)]
        target: StoreTargetArgs,
    },
    /// Replace the worker by a new one without losing a request
    Restart(TargetArgs),
    /// Replace worker and supervisor by the installed `stackup` without losing a request
    Upgrade(TargetArgs),
    /// Shut down after the last requests
    Stop(TargetArgs),
    /// List, show and delete what plugins have stored
    #[command(subcommand)]
    Store(StoreArgs),
    /// List, explain and purge the responses that the plugin `cache` has stored
    #[command(subcommand)]
    Cache(CacheArgs),
    /// Record the plugins' libraries in a lock file beside the manifest, for `--locked`
    Lock(ManifestArgs),
    /// Print the JSON Schema of the manifest and of each plugin's config
    Schema(ManifestArgs),
    /// Print a library's metadata without running any of its code
    Inspect {
        /// The library file
        library: PathBuf,
        /// Also load it and print the JSON Schema of each handler's config
        #[arg(long)]
        schema: bool,
        #[command(flatten)]
        trust: TrustArgs,
    },
}

impl Command {
    /// Whether this process itself loads plugins; a server's workers do it for `dev` and `serve`.
    pub(super) fn loads_plugins(&self) -> bool {
        matches!(
            self,
            Self::Check(_)
                | Self::Stack(_)
                | Self::Schema(_)
                | Self::Inspect { schema: true, .. }
                | Self::Cgi(_)
        )
    }

    /// What is logged. A process for each request has nothing to say unless something is wrong.
    pub(super) fn log_level(&self, log: &LogArgs) -> LevelFilter {
        match self {
            Self::Cgi(_) => log.log_level().min(match log.verbose {
                0 => LevelFilter::WARN,
                _ => LevelFilter::TRACE,
            }),
            _ => log.log_level(),
        }
    }
}

/// What `stackup new` creates.
#[derive(Debug, Subcommand)]
pub(super) enum NewArgs {
    /// Create a site: a folder with a manifest, an app, a middleware, and their tests
    Site {
        /// The folder; its name is the site's name
        name: PathBuf,
        #[command(flatten)]
        api: PluginApiArgs,
    },
    /// Create a plugin in `plugins/NAME` of a site
    #[command(group = ArgGroup::new("kind").required(true))]
    Plugin {
        /// The plugin's name
        name: String,
        /// Create an app: it answers requests
        #[arg(long, group = "kind")]
        app: bool,
        /// Create a middleware: it handles requests and passes them on to the layers below
        #[arg(long, group = "kind")]
        middleware: bool,
        /// The site [default: the current folder or the nearest parent with config.ru.toml]
        #[arg(long = "in", value_name = "FOLDER")]
        site: Option<PathBuf>,
        #[command(flatten)]
        api: PluginApiArgs,
    },
}

/// What `stackup store` does. A key or value that is no text is shown, and taken, with `\xNN` for a byte and `\\` for a
/// backslash.
#[derive(Debug, Subcommand)]
pub(super) enum StoreArgs {
    /// List the namespaces with their entries and bytes, or the keys of one
    List {
        /// The namespace
        namespace: Option<String>,
        /// Only the keys that follow this one; a thousand are listed at once
        #[arg(long, value_name = "KEY", requires = "namespace")]
        after: Option<String>,
        #[command(flatten)]
        target: StoreTargetArgs,
    },
    /// Print the value of an entry
    Get {
        /// The namespace: the plugin's name, unless the plugin names another
        namespace: String,
        /// The key
        key: String,
        #[command(flatten)]
        target: StoreTargetArgs,
    },
    /// Delete an entry; exit with 1 if there is none
    Delete {
        /// The namespace
        namespace: String,
        /// The key
        key: String,
        #[command(flatten)]
        target: StoreTargetArgs,
    },
    /// Delete all entries of a namespace
    Clear {
        /// The namespace
        namespace: String,
        #[command(flatten)]
        target: StoreTargetArgs,
    },
}

/// What `stackup cache` does.
#[derive(Debug, Subcommand)]
pub(super) enum CacheArgs {
    /// List the stored responses: status, size, age, freshness, URL, variant
    List {
        /// Only URLs that begin so
        #[arg(long, value_name = "URL")]
        prefix: Option<String>,
        #[command(flatten)]
        target: CacheTargetArgs,
    },
    /// Say what the cache does with a GET for a URL now, by which rule, and why it did not store the last response
    Why {
        /// The URL with the scheme and host of the client's request, such as http://localhost:9292/
        url: String,
        /// A field of the request, as curl's `-H`; may be repeated
        #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
        header: Vec<(String, String)>,
        #[command(flatten)]
        target: CacheTargetArgs,
    },
    /// Remove stored responses; responses that are on their way are not stored
    #[command(group = ArgGroup::new("what").required(true))]
    Purge {
        /// Those for this URL, with all variants
        #[arg(group = "what")]
        url: Option<String>,
        /// Those for all URLs that begin so
        #[arg(long, group = "what", value_name = "URL")]
        prefix: Option<String>,
        /// Those of this group (RFC 9875: the origin names groups in `cache-groups`)
        #[arg(long, group = "what", value_name = "NAME")]
        group: Option<String>,
        /// Mark them stale instead: they are validated before they are used again
        #[arg(long)]
        soft: bool,
        #[command(flatten)]
        target: CacheTargetArgs,
    },
}

/// A running stackup, and the namespace of its store.
#[derive(Debug, Clone, Args)]
pub(super) struct CacheTargetArgs {
    /// The namespace of the store, if `[use.config]` of the cache names one
    #[arg(long, value_name = "NAME", default_value = "cache")]
    pub(super) namespace: String,
    #[command(flatten)]
    pub(super) target: StoreTargetArgs,
}

/// Parses `name: value`.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a field is `name: value`, such as `accept-language: de`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// A running stackup whose store is meant.
#[derive(Debug, Clone, Args)]
pub(super) struct StoreTargetArgs {
    /// The manifest that it serves
    #[arg(long, value_name = "PATH", default_value = "config.ru.toml")]
    pub(super) manifest: PathBuf,
    /// Its control socket [default: beside the manifest]
    #[arg(long, value_name = "PATH", env = "STACKUP_CONTROL")]
    pub(super) control: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl StoreTargetArgs {
    /// The same without the form of the output.
    pub(super) fn server(&self) -> TargetArgs {
        TargetArgs {
            manifest: self.manifest.clone(),
            control: self.control.clone(),
        }
    }
}

/// Whose page to show, and how often.
#[derive(Debug, Args)]
pub(super) struct TopArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Seconds from one page to the next
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub(super) interval: f64,
    /// Print one page and exit
    #[arg(long)]
    pub(super) once: bool,
    /// Print one page as JSON and exit
    #[arg(long)]
    pub(super) json: bool,
}

fn interval(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok();
    let fits = |seconds: &f64| (0.1..=3600.0).contains(seconds);
    let seconds = seconds.filter(fits);
    seconds.ok_or_else(|| "expected is a number of seconds from 0.1 to 3600".to_owned())
}

/// Which stacks to compare.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// A generation of `stackup history` to begin with [default: the one that serves]
    pub(super) from: Option<u64>,
    /// A generation of `stackup history` to end with [default: the files as they are now]
    pub(super) to: Option<u64>,
    #[command(flatten)]
    pub(super) target: StoreTargetArgs,
}

/// Where plugins find the crate `stackup-plugin`.
#[derive(Debug, Args)]
pub(super) struct PluginApiArgs {
    /// The folder of the crate `stackup-plugin` [default: the checkout that this stackup was built
    /// from, or the released version if that is gone]
    #[arg(long, value_name = "FOLDER")]
    pub(super) plugin_api: Option<PathBuf>,
}

/// Whose files decide what runs.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct TrustArgs {
    /// Accept a manifest, lock and libraries that only the `owner` of this process and root can
    /// change, or those of `any` user
    #[arg(long, value_name = "WHOM", default_value = "owner", value_parser = trust())]
    pub(super) trust: Trust,
}

/// The manifest and its environment.
#[derive(Debug, Clone, Args)]
pub(super) struct ManifestArgs {
    /// The manifest
    #[arg(default_value = "config.ru.toml")]
    pub(super) manifest: PathBuf,
    /// The environment that `only` and `except` refer to [default: development; `serve`
    /// and `lock`: production]
    #[arg(short = 'E', long = "env", value_name = "NAME", env = "STACKUP_ENV")]
    pub(super) environment: Option<String>,
    #[command(flatten)]
    pub(super) trust: TrustArgs,
}

/// The manifest, and which libraries may be loaded for it.
#[derive(Debug, Clone, Args)]
pub(super) struct StackArgs {
    #[command(flatten)]
    pub(super) manifest_args: ManifestArgs,
    /// Load only the libraries that `stackup lock` recorded
    #[arg(long)]
    pub(super) locked: bool,
}

/// The stack that answers one request.
#[derive(Debug, Args)]
pub(super) struct CgiArgs {
    /// The environment that `only` and `except` refer to [default: production]
    #[arg(short = 'E', long = "env", value_name = "NAME", env = "STACKUP_ENV")]
    pub(super) environment: Option<String>,
    #[command(flatten)]
    pub(super) trust: TrustArgs,
    /// Load only the libraries that `stackup lock` recorded
    #[arg(long)]
    pub(super) locked: bool,
    /// The manifest. What follows is ignored: web servers append the words of a query without `=`, which are the client's
    // So none of them is an option (RFC 3875 §4.4 and §7.2).
    #[arg(required = true, value_name = "MANIFEST", num_args = 1.., trailing_var_arg = true)]
    manifest_and_query: Vec<PathBuf>,
}

impl CgiArgs {
    pub(super) fn manifest(&self) -> &Path {
        self.manifest_and_query
            .first()
            .map_or(Path::new(""), PathBuf::as_path)
    }
}

/// What is served, and at which address.
#[derive(Debug, Clone, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) stack: StackArgs,
    /// Listen on this address (or `unix:/path`) instead of the manifest's `listen`
    #[arg(short = 'o', long, value_name = "ADDRESS")]
    pub(super) host: Option<String>,
    /// Listen on this port; 0 picks a free one
    #[arg(short = 'p', long, value_name = "PORT")]
    pub(super) port: Option<u16>,
    /// Control socket used by `stackup status` and other commands [default: beside the manifest]
    #[arg(long, value_name = "PATH", env = "STACKUP_CONTROL")]
    pub(super) control: Option<PathBuf>,
}

/// A running stackup.
#[derive(Debug, Clone, Args)]
pub(super) struct TargetArgs {
    /// The manifest that it serves
    #[arg(default_value = "config.ru.toml")]
    pub(super) manifest: PathBuf,
    /// Its control socket [default: beside the manifest]
    #[arg(long, value_name = "PATH", env = "STACKUP_CONTROL")]
    pub(super) control: Option<PathBuf>,
}

/// What is served, and how its plugins are built.
#[derive(Debug, Clone, Args)]
pub(super) struct DevArgs {
    #[command(flatten)]
    pub(super) serve: ServeArgs,
    /// Serve by TLS, with a certificate of a CA that is made for this user alone
    #[arg(long)]
    pub(super) tls: bool,
    /// Build the plugins in the release profile
    #[arg(long)]
    pub(super) release: bool,
    /// Build the plugins in this profile of their workspace's `Cargo.toml`
    #[arg(long, value_name = "NAME", conflicts_with = "release")]
    pub(super) profile: Option<String>,
}

/// The log's format and level.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct LogArgs {
    /// Format of the log on stderr
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
    /// Log only warnings and errors
    #[arg(short = 'q', long, global = true)]
    pub(super) quiet: bool,
    /// Log more; repeat it to log everything
    #[arg(short = 'v', long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

/// Parses `--trust`.
fn trust() -> impl TypedValueParser<Value = Trust> {
    PossibleValuesParser::new(["owner", "any"]).map(|word| match word.as_str() {
        "any" => Trust::Any,
        _ => Trust::Owner,
    })
}

impl Arguments {
    pub(super) fn command(self) -> (Command, LogArgs) {
        (self.command.unwrap_or(Command::Dev(self.dev)), self.log)
    }
}

impl LogArgs {
    pub(super) fn log_level(self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::WARN,
            (false, 0) => LevelFilter::INFO,
            (false, 1) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_query_are_no_options_of_cgi() {
        let parse = |words: &[&str]| {
            let arguments = Arguments::try_parse_from([&["stackup", "cgi"], words].concat());
            match arguments.expect("they are ignored").command() {
                (Command::Cgi(cgi), log) => (cgi, log),
                other => panic!("{other:?}"),
            }
        };
        let before = ["--locked", "-E", "staging", "site.cgi"];
        for query in [
            &[][..],
            &["-v", "-E", "x"],
            &["--trust", "any"],
            &["--", "--help"],
        ] {
            let (cgi, log) = parse(&[&before, query].concat());
            assert_eq!(cgi.manifest(), Path::new("site.cgi"), "{query:?}");
            assert_eq!(cgi.environment.as_deref(), Some("staging"));
            assert_eq!((cgi.trust.trust, log.verbose), (Trust::Owner, 0));
            assert!(cgi.locked);
        }
    }
}
