//! What `stackup cache` asks for, and the reply.

use std::time::SystemTime;

use cache_store::{Entries, Purge, Target};
use http_cache::{List, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::records::HostRecords;
use super::{text, why};
use crate::services::{StoreHub, StoreReport};

/// The responses that are listed at once.
const MOST: usize = 1000;

/// A command about cached responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CacheCommand {
    /// List the stored responses.
    List {
        /// The namespace of the store.
        namespace: String,
        /// Only URIs that begin so.
        #[serde(default)]
        prefix: Option<String>,
    },
    /// Say what the cache would do with a request, and why.
    Why {
        /// The namespace of the store.
        namespace: String,
        /// The URI of the request.
        uri: String,
        /// Its fields: names and values.
        #[serde(default)]
        fields: Vec<(String, String)>,
    },
    /// Remove responses, or mark them stale.
    Purge {
        /// The namespace of the store.
        namespace: String,
        /// Which ones.
        what: PurgeTarget,
        /// Mark them stale.
        #[serde(default)]
        soft: bool,
    },
}

/// Which responses are purged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PurgeTarget {
    /// Those for a URI.
    Uri(String),
    /// Those for all URIs that begin so.
    Prefix(String),
    /// Those of a cache group.
    Group(String),
}

impl CacheCommand {
    /// Runs it, on the store of this process.
    ///
    /// # Errors
    ///
    /// Why it can't be done, for people.
    pub async fn run(self, hub: &StoreHub) -> Result<StoreReport, String> {
        self.run_at(hub, now()).await
    }

    async fn run_at(self, hub: &StoreHub, now: Timestamp) -> Result<StoreReport, String> {
        match self {
            Self::List { namespace, prefix } => {
                let entries = entries(hub, &namespace);
                let prefix = prefix.unwrap_or_default();
                let (listed, more) = list(&entries, &prefix).await?;
                Ok(text::list(&listed, more, &namespace, now))
            }
            Self::Why {
                namespace,
                uri,
                fields,
            } => {
                let target = target(&uri)?;
                let fields = fields
                    .iter()
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.clone().into_bytes()));
                let fields = List(fields.collect());
                why::why(&entries(hub, &namespace), &target, &fields, now).await
            }
            Self::Purge {
                namespace,
                what,
                soft,
            } => {
                let purge = match &what {
                    PurgeTarget::Uri(uri) => Purge::Target(target(uri)?),
                    PurgeTarget::Prefix(prefix) => Purge::Prefix(one_line(prefix)?),
                    PurgeTarget::Group(group) => Purge::Group(one_line(group)?),
                };
                let purged = entries(hub, &namespace).purge(&purge, soft, now).await?;
                let text = text::purged(purged, soft, &what);
                let value = json!({ "purged": purged, "soft": soft });
                Ok(StoreReport { text, value })
            }
        }
    }
}

fn entries(hub: &StoreHub, namespace: &str) -> Entries<HostRecords> {
    Entries::new(HostRecords(hub.open(namespace)))
}

fn target(uri: &str) -> Result<Target, String> {
    Target::parse(uri).ok_or_else(|| {
        format!(
            "`{}` is not a URL with the scheme and host of the client's request, such as `http://localhost:9292/path`",
            log_text::one_line(uri)
        )
    })
}

/// No URI and no group has control characters.
fn one_line(text: &str) -> Result<String, String> {
    match text.chars().any(char::is_control) {
        true => Err("a prefix or a group has no control characters".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// The responses whose URIs begin with `prefix`, in the order of their URIs, and whether there are more than are listed.
async fn list(
    entries: &Entries<HostRecords>,
    prefix: &str,
) -> Result<(Vec<cache_store::Entry>, bool), String> {
    let mut listing = entries.listing();
    let mut all = Vec::new();
    while let Some(page) = listing.next_page().await? {
        let wanted = page.into_iter().map(|listed| listed.entry);
        all.extend(wanted.filter(|entry| entry.target().starts_with(prefix)));
        if all.len() > MOST {
            break;
        }
    }
    all.sort_by(|a, b| a.target().cmp(b.target()));
    let more = all.len() > MOST;
    all.truncate(MOST);
    Ok((all, more))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let milliseconds = since.map_or(0, |since| since.as_millis());
    Timestamp(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
