//! A program of `examples/` that has stacks in it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use stackup_tests::{Connection, Site, artifacts, within};
use tokio::sync::watch;

/// The program, at work in a site; its drop kills it.
pub(super) struct Program {
    child: Child,
    address: String,
    /// What it has written to stderr.
    log: watch::Receiver<String>,
}

impl Program {
    /// Starts it in the folder of `site`, and waits until it listens.
    pub(super) async fn start(name: &str, site: &Site) -> Self {
        let mut program = Self::spawn(name, site);
        let stdout = program.child.stdout.take().expect("stdout is piped");
        let first = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        let line = within("it listens", first).await.expect("a thread");
        program.address = line.expect("stdout").trim_end().to_owned();
        assert!(!program.address.is_empty(), "{}", program.log());
        program
    }

    /// Starts it and does not wait.
    pub(super) fn spawn(name: &str, site: &Site) -> Self {
        Self::spawn_with(name, site, &[])
    }

    /// The same with these variables.
    pub(super) fn spawn_with(name: &str, site: &Site, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(artifacts::embedder(name))
            .current_dir(site.path())
            .env("TMPDIR", site.runtime())
            .env_remove("XDG_RUNTIME_DIR")
            .env("RUST_LOG", "info")
            .env("NO_COLOR", "1")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stderr = child.stderr.take().expect("stderr is piped");
        let (sender, log) = watch::channel(String::new());
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                sender.send_modify(|log| *log = format!("{log}{line}\n"));
            }
        });
        Self {
            child,
            address: String::new(),
            log,
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) async fn connect(&self) -> Connection {
        Connection::tcp(&self.address).await
    }

    /// What it has logged so far.
    pub(super) fn log(&self) -> String {
        self.log.borrow().clone()
    }

    /// Waits until it has logged `text`.
    pub(super) async fn logs(&mut self, text: &str) {
        let found = within(text, self.log.wait_for(|log| log.contains(text)));
        assert!(found.await.is_ok(), "no `{text}` in {}", self.log());
    }

    pub(super) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it is ours");
    }

    /// Its end.
    pub(super) async fn ended(&mut self) -> ExitStatus {
        within("its end", async {
            loop {
                if let Some(status) = self.child.try_wait().expect("a child") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
