//! A running `stackup serve`.

use std::io::BufReader;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::sync::watch;

use crate::http::{Connection, Response};
use crate::log::{Log, Record};
use crate::{Site, artifacts, deadline};

/// A host process; dropping it kills it and its children.
#[derive(Debug)]
pub struct Host {
    pid: Pid,
    worker: Option<Pid>,
    log: Arc<Log>,
    status: watch::Receiver<Option<ExitStatus>>,
    url: String,
}

impl Host {
    /// Serves `site` on a free port, and is ready for requests.
    ///
    /// # Panics
    ///
    /// When the host does not come to listen.
    pub async fn start(site: &Site) -> Self {
        Self::start_in("production", site).await
    }

    /// The same in another environment.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn start_in(environment: &str, site: &Site) -> Self {
        let arguments = ["-p", "0", "-o", "127.0.0.1", "-E", environment];
        let mut host = Self::launch(artifacts::stackup(), site, &arguments);
        host.ready().await;
        host
    }

    /// Serves `site` as `stackup dev` does, and is ready for requests.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn develop(site: &Site) -> Self {
        let arguments = ["-p", "0", "-o", "127.0.0.1"];
        let mut command = Self::command_for("dev", artifacts::stackup(), site, &arguments);
        let mut host = Self::spawn(&mut command);
        host.ready().await;
        host
    }

    /// Starts `program serve` with `arguments`, and waits for nothing.
    ///
    /// # Panics
    ///
    /// When there is no such process to be had.
    pub fn launch(program: &Path, site: &Site, arguments: &[&str]) -> Self {
        Self::spawn(&mut Self::command(program, site, arguments))
    }

    /// `program serve` with `arguments`, to be changed before it is started.
    pub fn command(program: &Path, site: &Site, arguments: &[&str]) -> Command {
        Self::command_for("serve", program, site, arguments)
    }

    /// The same for another command that serves.
    pub fn command_for(what: &str, program: &Path, site: &Site, arguments: &[&str]) -> Command {
        let mut command = Self::terminal_command(what, program, site);
        command.args(["--log-format", "json"]).args(arguments);
        command
    }

    /// The same, as a person types it: its log is to be read.
    pub fn terminal_command(what: &str, program: &Path, site: &Site) -> Command {
        let mut command = Command::new(program);
        command
            .arg(what)
            .arg(site.path().join("config.ru.toml"))
            .current_dir(site.path())
            // What it leaves behind is found there, and is gone with the site.
            .env("TMPDIR", site.runtime())
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("STACKUP_CONTROL")
            .env_remove("STACKUP_ENV")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }

    /// Starts a [`command`](Self::command), and waits for nothing.
    ///
    /// # Panics
    ///
    /// When there is no such process to be had.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the host can be started");
        let pid = Pid::from_child(&child);
        let stderr = child.stderr.take().expect("stderr is piped");
        let log = Arc::new(Log::new());
        let filled = Arc::clone(&log);
        thread::spawn(move || filled.fill(BufReader::new(stderr)));
        let (ended, status) = watch::channel(None);
        thread::spawn(move || ended.send(child.wait().ok()));
        Self {
            pid,
            worker: None,
            log,
            status,
            url: String::new(),
        }
    }

    /// Waits until it listens, and returns where.
    ///
    /// # Panics
    ///
    /// When it does not come to listen.
    pub async fn ready(&mut self) -> &str {
        if self.worker.is_none() {
            self.worker = self.next_worker().await;
        }
        let listening = self.event("listening").await;
        self.url = listening.text("url").to_owned();
        &self.url
    }

    /// The same where its log is to be read.
    ///
    /// # Panics
    ///
    /// As [`ready`](Self::ready).
    pub async fn listening(&mut self) {
        const SAYS: &str = "listening on ";
        let says = |record: &Record| record.line().starts_with(SAYS);
        let record = self.log.take("line with its address", says).await;
        record.line()[SAYS.len()..].clone_into(&mut self.url);
    }

    /// Waits for the next worker that serves, and returns its process.
    ///
    /// # Panics
    ///
    /// When none comes to serve.
    pub async fn next_worker(&self) -> Option<Pid> {
        let serves =
            |record: &Record| record.event() == "worker" && record.text("state") == "serving";
        let record = self.log.take("worker that serves", serves).await;
        let pid = record.number("pid").and_then(|pid| pid.try_into().ok());
        pid.and_then(Pid::from_raw)
    }

    /// The process of its first worker.
    ///
    /// # Panics
    ///
    /// Before it is ready.
    pub fn worker(&self) -> Pid {
        self.worker.expect("a worker serves")
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address in its URL.
    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap_or(&self.url)
    }

    /// The process of its supervisor.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// All it has said.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The next event of this name.
    pub async fn event(&self, name: &str) -> Record {
        let what = format!("event `{name}`");
        self.log.take(&what, |record| record.event() == name).await
    }

    /// The next record whose message contains `text`.
    pub async fn message(&self, text: &str) -> Record {
        let what = format!("line with `{text}`");
        self.log
            .take(&what, |record| record.message().contains(text))
            .await
    }

    /// Waits for a reload that ends as `outcome` says, past those that find nothing changed.
    ///
    /// # Panics
    ///
    /// When the next reload ends otherwise, or there is none.
    pub async fn reload(&self, outcome: &str) -> Record {
        loop {
            let record = self.event("reload").await;
            let found = record.text("outcome");
            // One change may be noticed twice.
            if found == "unchanged" && outcome != "unchanged" {
                continue;
            }
            assert_eq!(found, outcome, "{record}\nthe log:\n{}", self.log);
            return record;
        }
    }

    /// Sends it a signal.
    ///
    /// # Panics
    ///
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("the host is there");
    }

    /// Waits for its end, and for the end of its log.
    ///
    /// # Panics
    ///
    /// When it goes on; prints the log.
    pub async fn exited(&mut self) -> ExitStatus {
        let ended = async {
            let status = self.status.wait_for(Option::is_some).await;
            let status = status.ok().and_then(|status| *status);
            self.log.ended().await;
            status.expect("a child's status can be had")
        };
        match tokio::time::timeout(deadline::DEADLINE, ended).await {
            Ok(status) => status,
            Err(_) => panic!("the host goes on; its log:\n{}", self.log),
        }
    }

    /// A new connection.
    pub async fn connect(&self) -> Connection {
        Connection::tcp(self.address()).await
    }

    /// The response to a GET on a connection of its own.
    pub async fn get(&self, target: &str) -> Response {
        let mut connection = self.connect().await;
        connection.get(target).await
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Its group also holds its children. Once it has been waited for, the number may be another's.
        if self.status.borrow().is_none() {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }
}
