//! A Redis server for one test.

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::print_skipped;

/// A server on a Unix socket in a folder of its own.
pub struct RedisServer {
    directory: TempDir,
    process: Option<Child>,
    arguments: Vec<String>,
}

impl RedisServer {
    /// Starts one; none, with a message, if no `redis-server` is installed.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same, with each change written to disk before the reply: one that is killed comes back with all of them.
    pub fn start_durable() -> Option<Self> {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// The same with more arguments.
    pub fn start_with(arguments: &[&str]) -> Option<Self> {
        let mut server = Self {
            directory: tempfile::tempdir().expect("a temporary folder"),
            process: None,
            arguments: arguments.iter().map(ToString::to_string).collect(),
        };
        match server.run() {
            Ok(()) => Some(server),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                print_skipped("no `redis-server`");
                None
            }
            Err(error) => panic!("redis-server: {error}"),
        }
    }

    /// The URL of its socket, as the manifest takes it.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it runs");
            process.wait().expect("it ends");
        }
    }

    /// Starts it again, with what it had.
    pub fn start_again(&mut self) {
        self.kill();
        self.run().expect("it starts");
    }

    /// Stops its process: it accepts connections and answers nothing.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it continue.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// What `redis-cli` prints for a command.
    pub fn command(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .arg("-s")
            .arg(self.socket())
            .args(words)
            .output()
            .expect("redis-cli");
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("r.sock")
    }

    /// Returns once it accepts connections.
    fn run(&mut self) -> std::io::Result<()> {
        let mut process = server(self.directory.path())
            .arg("--unixsocket")
            .arg(self.socket())
            .args(&self.arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().expect("it is piped");
        self.process = Some(process);
        let mut said = String::new();
        for line in BufReader::new(output).lines() {
            let line = line?;
            if line.contains("eady to accept connections") {
                return Ok(());
            }
            said += &line;
            said.push('\n');
        }
        panic!("redis-server did not start:\n{said}");
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("it runs");
        kill_process(Pid::from_child(process), signal).expect("it runs");
    }
}

fn server(directory: &Path) -> Command {
    let mut command = Command::new("redis-server");
    command
        .args(["--port", "0", "--save", "", "--dir"])
        .arg(directory);
    command
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
