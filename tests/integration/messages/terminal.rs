use std::path::PathBuf;

use stackup_tests::log::Record;
use stackup_tests::{Host, Site};

use super::normalize::normalize;

/// A host whose log is read as it comes.
pub(super) struct Terminal {
    pub(super) host: Host,
    folder: PathBuf,
    /// The lines that were shown.
    shown: usize,
}

impl Terminal {
    /// That of `stackup dev`, which listens.
    pub(super) async fn open(mut host: Host, site: &Site) -> Self {
        host.listening().await;
        let folder = site.path().to_path_buf();
        let shown = 0;
        Self {
            host,
            folder,
            shown,
        }
    }

    /// Waits for the next line that is `wanted`.
    pub(super) async fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        let is_wanted = |record: &Record| wanted(record.line());
        self.host.log().take(what, is_wanted).await;
    }

    /// What it has said since it was asked last.
    pub(super) fn new_output(&mut self) -> String {
        let log = self.host.log().to_string();
        let new: Vec<&str> = log.lines().skip(self.shown).collect();
        self.shown += new.len();
        self.normalize(&new.join("\n"))
    }

    /// Any text as it is shown.
    pub(super) fn normalize(&self, text: &str) -> String {
        normalize(text, &self.folder, &self.host)
    }
}
