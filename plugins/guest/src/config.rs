//! The config of `guest`.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use gateway::{Forwarded, Heads, Host, Limits, Path, seconds};
use stackup_plugin::{Context, Error, GuestListen, GuestOptions, Result, Secret};

use crate::attempts::Attempts;

/// `[run.config]` of `guest`.
#[stackup_plugin::config]
pub struct Config {
    /// The program and its arguments. `$SOCKET` or `$PORT` in an argument stands for where it is to listen; environment variables of
    /// these names say the same.
    #[schemars(length(min = 1))]
    command: Vec<String>,
    /// Its working directory, relative to the manifest.
    #[serde(default = "here")]
    dir: PathBuf,
    /// Environment variables for it, besides those of stackup.
    #[serde(default)]
    env: BTreeMap<String, Secret<String>>,
    /// Its name in the log and in `stackup status`: that of `dir`, or of the program if `dir` is the manifest's.
    name: Option<String>,
    /// Where it listens: `"port"` if an argument has `$PORT`, otherwise `"socket"`.
    listen: Option<Listen>,
    /// The path that it answers with a status below 400 when it is ready. Without it any answer to `/` counts.
    ready: Option<String>,
    /// How many seconds it may take until it is ready.
    #[serde(default = "sixty")]
    ready_timeout: f64,
    /// How many seconds it has between SIGTERM and SIGKILL.
    #[serde(default = "ten")]
    stop_timeout: f64,
    /// How many seconds a request waits while no process is ready.
    #[serde(default = "ten")]
    wait: f64,
    /// Another process takes over when it and its children take more than this many MiB of memory.
    #[schemars(range(min = 1))]
    memory: Option<u64>,
    /// Another process takes over when it is this many seconds old.
    max_age: Option<f64>,
    /// Whether a change below `dir` starts another process, in development. Set it to false for a program that reloads itself.
    #[serde(default = "yes")]
    watch: bool,
    /// How often a request without a body and with an idempotent method is sent again when a process dies.
    #[serde(default = "one")]
    retries: u32,
    /// The `host` that it sees.
    #[serde(default)]
    host: Host,
    /// The path that it sees.
    #[serde(default)]
    path: Path,
    /// The headers that tell it about the client. Those that clients send themselves are removed.
    #[serde(default)]
    forwarded: Forwarded,
    /// How many seconds it may take until the head of its response.
    #[serde(default = "sixty")]
    head_timeout: f64,
    /// How many seconds it may send nothing of its response's body.
    #[serde(default = "sixty")]
    body_timeout: f64,
}

fn here() -> PathBuf {
    ".".into()
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn ten() -> f64 {
    10.0
}

fn sixty() -> f64 {
    60.0
}

/// Where it listens.
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Listen {
    /// On the unix socket `$SOCKET`.
    Socket,
    /// On the port `$PORT` of 127.0.0.1.
    Port,
}

impl Config {
    /// Starts the guest.
    ///
    /// # Errors
    ///
    /// The key that is invalid, and why; the guest does not start.
    pub(crate) fn start(self, cx: &Context) -> Result<Attempts> {
        let limits = Limits {
            connect: seconds("wait", self.wait)?,
            head: seconds("head_timeout", self.head_timeout)?,
            body: seconds("body_timeout", self.body_timeout)?,
        };
        let (ready, ready_success) = match &self.ready {
            None => ("/".to_owned(), false),
            Some(path) if path.starts_with('/') => (path.clone(), true),
            Some(path) => {
                let why = format!("`{path}` does not begin with `/`");
                return Err(Error::config("ready", why));
            }
        };
        let options = GuestOptions {
            name: self.name()?,
            listen: self.listen()?,
            ready,
            ready_success,
            ready_timeout: milliseconds(seconds("ready_timeout", self.ready_timeout)?),
            stop_timeout: milliseconds(seconds("stop_timeout", self.stop_timeout)?),
            memory: self.memory.map(|mib| mib.saturating_mul(1 << 20)),
            max_age: match self.max_age {
                Some(age) => Some(milliseconds(seconds("max_age", age)?)),
                None => None,
            },
            watch: self.watch && cx.environment() == "development",
            command: self.command,
            dir: self.dir,
            env: self
                .env
                .into_iter()
                .map(|(name, value)| (name, value.expose().to_owned()))
                .collect(),
        };
        Ok(Attempts {
            context: cx.clone(),
            guest: cx.guest(&options)?,
            heads: Heads {
                host: self.host,
                path: self.path,
                forwarded: self.forwarded,
            },
            limits,
            retries: self.retries,
        })
    }

    fn name(&self) -> Result<String> {
        let last = |path: &FilePath| Some(path.file_name()?.to_string_lossy().into_owned());
        let program = self.command.first().map(FilePath::new);
        let name = self.name.clone();
        let name = name.or_else(|| last(&self.dir)).or_else(|| last(program?));
        match name {
            Some(name) if !name.is_empty() && !name.chars().any(char::is_control) => Ok(name),
            Some(_) => Err(Error::config(
                "name",
                "it is empty, or has control characters",
            )),
            None => Err(Error::config("command", "it names no program")),
        }
    }

    fn listen(&self) -> Result<GuestListen> {
        let mentions = |name: &str| {
            let (short, long) = (format!("${name}"), format!("${{{name}}}"));
            let mut arguments = self.command.iter();
            arguments.any(|argument| argument.contains(&short) || argument.contains(&long))
        };
        let (socket, port) = (mentions("SOCKET"), mentions("PORT"));
        let why = match (self.listen, socket, port) {
            (None, true, true) => {
                "it has the variables of a socket and of a port: a guest listens in one place"
            }
            (Some(Listen::Socket), _, true) => {
                "it has the variable of a port, but `listen` says socket"
            }
            (Some(Listen::Port), true, _) => {
                "it has the variable of a socket, but `listen` says port"
            }
            (Some(Listen::Port), ..) | (None, false, true) => return Ok(GuestListen::Port),
            (Some(Listen::Socket), ..) | (None, _, false) => return Ok(GuestListen::Socket),
        };
        Err(Error::config("command", why))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
