//! Ruby's Rack behind Puma: `tests/differential/serve.rb`.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use stackup_tests::within;
use tokio::sync::mpsc;

use super::case::{self, Group};

/// A process that serves every group; ends when dropped.
#[derive(Debug)]
pub(super) struct Ruby {
    process: Child,
    addresses: HashMap<String, String>,
    output: mpsc::UnboundedReceiver<String>,
}

impl Ruby {
    /// Whether there is a Ruby with what is needed.
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
            // Without these a config.ru gets what its group does not name.
            .env("RACK_ENV", "none")
            .env_remove("RUBYOPT")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().expect("ruby can be run");
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
            let line = line.expect("ruby serves; run serve.rb by hand to see why it doesn't");
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

    /// Where a group is served.
    pub(super) fn address(&self, group: &Group) -> &str {
        &self.addresses[&group.name]
    }

    /// The next line that a stack logs.
    pub(super) async fn line(&mut self) -> String {
        let line = within("a line of ruby's log", self.output.recv()).await;
        let line = line.expect("ruby goes on");
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
