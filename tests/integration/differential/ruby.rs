//! Ruby's Rack behind Puma: `tests/differential/serve.rb`.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use stackup_tests::within;
use tokio::sync::mpsc;

use super::case::{self, Group};

/// A process that serves every group, killed on drop.
#[derive(Debug)]
pub(super) struct Ruby {
    process: Child,
    addresses: HashMap<String, String>,
    output: mpsc::UnboundedReceiver<String>,
}

impl Ruby {
    /// Whether Ruby and the gems are installed.
    pub(super) fn is_available() -> bool {
        let mut ruby = Command::new("ruby");
        ruby.args(["-e", "require 'rack'; require 'puma'"]);
        ruby.output().is_ok_and(|output| output.status.success())
    }

    /// Serves all groups with the files of `site`.
    pub(super) async fn start(site: &Path, groups: &[Group]) -> Self {
        let mut command = Command::new("ruby");
        command
            .arg(case::folder().join("serve.rb"))
            .arg(site)
            .args(groups.iter().map(|group| &group.folder))
            // Otherwise Rack adds middleware that the group does not name.
            .env("RACK_ENV", "none")
            .env_remove("RUBYOPT")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().expect("ruby starts");
        let stdout = process.stdout.take().expect("stdout is piped");
        let (sender, mut output) = mpsc::unbounded_channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        let mut addresses = HashMap::new();
        while addresses.len() < groups.len() {
            let line = within("ruby's ports", output.recv()).await;
            let line = line.expect("ruby does not serve: run serve.rb to see why");
            let words: Vec<&str> = line.split(' ').collect();
            if let ["port", group, port] = words[..] {
                addresses.insert(group.to_owned(), format!("127.0.0.1:{port}"));
            }
        }
        Self {
            process,
            addresses,
            output,
        }
    }

    /// The address of a group.
    pub(super) fn address(&self, group: &Group) -> &str {
        &self.addresses[&group.name]
    }

    /// The next line of the log.
    pub(super) async fn line(&mut self) -> String {
        let line = within("a line of ruby's log", self.output.recv()).await;
        let line = line.expect("ruby still runs");
        let mut parts = line.splitn(3, ' ');
        assert_eq!(parts.next(), Some("log"), "{line}");
        parts.nth(1).unwrap_or_default().to_owned()
    }
}

impl Drop for Ruby {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
