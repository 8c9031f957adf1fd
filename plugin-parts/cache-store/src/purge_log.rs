//! What was purged a moment ago, so that nothing is stored that was asked for before: in this process or another one.

use std::time::Duration;

use http_cache::Timestamp;

use crate::find::Entries;
use crate::purge::Purge;
use crate::records::Records;
use crate::target::Target;

const KEY: &[u8] = b"m";

/// A response takes no longer to come.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// So many purges are remembered one by one. When there are more, the first ones count as a purge of everything.
const MOST: usize = 100;

/// The purges of the last hour, the oldest first.
#[derive(Debug, Default)]
struct PurgeLog(Vec<(Timestamp, Purge)>);

impl PurgeLog {
    fn read(record: &[u8]) -> Self {
        let text = String::from_utf8_lossy(record);
        Self(text.lines().filter_map(read_line).collect())
    }

    /// The record with one more.
    fn with(mut self, purge: &Purge, now: Timestamp) -> String {
        let remembered = u64::try_from(REMEMBERED.as_millis()).unwrap_or(u64::MAX);
        self.0.retain(|(at, _)| now.since(*at) < remembered);
        self.0.push((now, purge.clone()));
        let more = self.0.len().saturating_sub(MOST);
        if more > 0 {
            self.0.drain(..more);
            self.0[0].1 = Purge::Prefix(String::new());
        }
        let lines = self.0.iter().map(|(at, purge)| write_line(*at, purge));
        lines.collect()
    }

    fn concerns(&self, uri: &str, groups: &[String], sent: Timestamp) -> bool {
        self.0.iter().any(|(at, purge)| {
            sent <= *at && purge.concerns(uri, groups.iter().map(String::as_str))
        })
    }
}

fn read_line(line: &str) -> Option<(Timestamp, Purge)> {
    let mut parts = line.splitn(3, ' ');
    let at = Timestamp(parts.next()?.parse().ok()?);
    let (kind, text) = (parts.next()?, parts.next()?.to_owned());
    let purge = match kind {
        "target" => Purge::Target(Target::parse(&text)?),
        "prefix" => Purge::Prefix(text),
        "group" => Purge::Group(text),
        _ => return None,
    };
    Some((at, purge))
}

fn write_line(Timestamp(at): Timestamp, purge: &Purge) -> String {
    match purge {
        Purge::Target(target) => format!("{at} target {}\n", target.uri()),
        Purge::Prefix(prefix) => format!("{at} prefix {prefix}\n"),
        Purge::Group(group) => format!("{at} group {group}\n"),
    }
}

impl<S: Records> Entries<S> {
    /// Has responses that were asked for until `now` not be stored.
    pub(crate) async fn note_purge(&self, purge: &Purge, now: Timestamp) -> Result<(), S::Error> {
        loop {
            let known = self.store.get(KEY).await?;
            let version = known.as_ref().map(|known| known.version);
            let log = known.map_or_else(PurgeLog::default, |known| PurgeLog::read(&known.value));
            let record = log.with(purge, now).into_bytes();
            let stored = self
                .store
                .compare_and_set(KEY, version, &record, REMEMBERED)
                .await?;
            if stored {
                return Ok(());
            }
        }
    }

    /// Whether a response for `uri` with these groups, asked for at `sent`, was purged since.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn was_purged(
        &self,
        uri: &str,
        groups: &[String],
        sent: Timestamp,
    ) -> Result<bool, S::Error> {
        let known = self.store.get(KEY).await?;
        Ok(known.is_some_and(|known| PurgeLog::read(&known.value).concerns(uri, groups, sent)))
    }
}
