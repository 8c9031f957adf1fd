use std::path::PathBuf;

use stackup_tests::log::Record;
use stackup_tests::{Host, Site};

use super::normalize::normalize;

/// A host and the part of its log that was read.
pub(super) struct Terminal {
    pub(super) host: Host,
    folder: PathBuf,
    /// The number of lines read.
    shown: usize,
}

impl Terminal {
    /// Waits until the host listens.
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

    /// Waits for the next line that matches `wanted`.
    pub(super) async fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        let is_wanted = |record: &Record| wanted(record.line());
        self.host.log().take(what, is_wanted).await;
    }

    /// The lines since the last call.
    pub(super) fn new_output(&mut self) -> String {
        let log = self.host.log().to_string();
        let new: Vec<&str> = log.lines().skip(self.shown).collect();
        self.shown += new.len();
        self.normalize(&new.join("\n"))
    }

    /// Normalises any text.
    pub(super) fn normalize(&self, text: &str) -> String {
        normalize(text, &self.folder, &self.host)
    }
}
