//! A running `stackup serve` or `stackup dev`.

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
use crate::post_mortem::processes_and_sockets;
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
    /// Serves `site` on a free port and waits until it listens.
    ///
    /// # Panics
    ///
    /// If the host does not listen.
    pub async fn start(site: &Site) -> Self {
        Self::start_in("production", site).await
    }

    /// As [`start`](Self::start), in another environment.
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

    /// Runs `stackup dev` and waits until it listens.
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

    /// Starts `program serve` with `arguments` and does not wait.
    ///
    /// # Panics
    ///
    /// If the process does not start.
    pub fn launch(program: &Path, site: &Site, arguments: &[&str]) -> Self {
        Self::spawn(&mut Self::command(program, site, arguments))
    }

    /// The command `program serve` with `arguments`, to change before it starts.
    pub fn command(program: &Path, site: &Site, arguments: &[&str]) -> Command {
        Self::command_for("serve", program, site, arguments)
    }

    /// The same for another subcommand that serves.
    pub fn command_for(what: &str, program: &Path, site: &Site, arguments: &[&str]) -> Command {
        let mut command = Self::terminal_command(what, program, site);
        command.args(["--log-format", "json"]).args(arguments);
        command
    }

    /// The same with the log format of a terminal.
    pub fn terminal_command(what: &str, program: &Path, site: &Site) -> Command {
        let mut command = Command::new(program);
        command
            .arg(what)
            .arg(site.path().join("config.ru.toml"))
            .current_dir(site.path())
            // Tests find its files there, and they are removed with the site.
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

    /// Starts a [`command`](Self::command) and does not wait.
    ///
    /// # Panics
    ///
    /// If the process does not start.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the host starts");
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

    /// Waits until it listens and returns its URL.
    ///
    /// # Panics
    ///
    /// If it does not listen.
    pub async fn ready(&mut self) -> &str {
        if self.worker.is_none() {
            self.worker = self.next_worker().await;
        }
        let listening = self.event("listening").await;
        self.url = listening.text("url").to_owned();
        &self.url
    }

    /// As [`ready`](Self::ready), for the log format of a terminal.
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

    /// Waits until the next worker serves and returns its process.
    ///
    /// # Panics
    ///
    /// If no worker serves.
    pub async fn next_worker(&self) -> Option<Pid> {
        let serves =
            |record: &Record| record.event() == "worker" && record.text("state") == "serving";
        let record = self.log.take("worker that serves", serves).await;
        let pid = record.number("pid").and_then(|pid| pid.try_into().ok());
        pid.and_then(Pid::from_raw)
    }

    /// Waits until another worker has taken over, and returns its process. Each connection from then on meets that one.
    ///
    /// # Panics
    ///
    /// If no worker serves, or the one before it does not retire.
    pub async fn renewed(&self) -> Option<Pid> {
        let next = self.next_worker().await;
        self.event("stopping").await;
        next
    }

    /// The process of its first worker.
    ///
    /// # Panics
    ///
    /// Before it is ready.
    pub fn worker(&self) -> Pid {
        self.worker.expect("a worker serves")
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address in its URL.
    pub fn address(&self) -> &str {
        let (_, address) = self.url.split_once("://").unwrap_or(("", &self.url));
        address
    }

    /// The process of its supervisor.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Its log.
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

    /// Waits for a reload with this `outcome`, and skips reloads that find nothing changed.
    ///
    /// # Panics
    ///
    /// If the next reload has another outcome, or there is none.
    pub async fn reload(&self, outcome: &str) -> Record {
        loop {
            let record = self.event("reload").await;
            let found = record.text("outcome");
            // The host may report one change twice.
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
    /// If it has exited.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("the host runs");
    }

    /// Waits until it exits and its log ends.
    ///
    /// # Panics
    ///
    /// If it does not exit. Prints the log.
    pub async fn exited(&mut self) -> ExitStatus {
        let ended = async {
            let status = self.status.wait_for(Option::is_some).await;
            let status = status.ok().and_then(|status| *status);
            self.log.ended().await;
            status.expect("the child has a status")
        };
        match tokio::time::timeout(deadline::DEADLINE, ended).await {
            Ok(status) => status,
            Err(_) => panic!("the host does not exit; its log:\n{}", self.log),
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
        if thread::panicking() {
            let found = processes_and_sockets(self.pid, self.address());
            eprintln!("the log of the host:\n{}\n{found}", self.log);
        }
        // The group contains its children. After the wait, the id may belong to another process.
        if self.status.borrow().is_none() {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }
}
