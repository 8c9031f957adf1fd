//! What `stackup store` asks for, and the reply.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stackup_plugin::abi::host::{StoreAnswer, StoreFailure, StoreReply, StoreRequest};

use super::limits::{Namespace, check};
use super::text::{escaped, unescaped};
use super::{StoreEngine, StoreHub};

/// The entries that are listed, or removed, at once.
const PAGE: usize = 1000;

/// A command about the store. Keys are text with `\xNN` for bytes that are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum StoreCommand {
    /// List the namespaces with their sizes.
    Namespaces {},
    /// List keys of a namespace, at most a thousand.
    Keys {
        /// The namespace.
        namespace: String,
        /// Only the keys that follow this one.
        #[serde(default)]
        after: Option<String>,
    },
    /// Show an entry.
    Get {
        /// Its namespace.
        namespace: String,
        /// Its key.
        key: String,
    },
    /// Remove an entry.
    Delete {
        /// Its namespace.
        namespace: String,
        /// Its key.
        key: String,
    },
    /// Remove all entries of a namespace.
    Clear {
        /// The namespace.
        namespace: String,
    },
}

/// The reply to a command.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreReport {
    /// For people.
    pub text: String,
    /// For programs.
    pub value: Value,
}

/// What a namespace takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct NamespaceUse {
    pub(super) namespace: String,
    pub(super) entries: u64,
    /// Of keys and values.
    pub(super) bytes: u64,
}

impl StoreHub {
    /// Runs a command.
    ///
    /// # Errors
    ///
    /// Why it can't be done, for people.
    pub async fn command(&self, command: StoreCommand) -> Result<StoreReport, String> {
        let store = self.current.load_full();
        let engine = &*store.engine;
        match command {
            StoreCommand::Namespaces {} => {
                let mut uses = engine.namespaces().await.map_err(|error| error.message)?;
                uses.sort();
                Ok(StoreReport {
                    text: list_namespaces(&uses),
                    value: json!({ "store": engine.status(), "namespaces": uses }),
                })
            }
            StoreCommand::Keys { namespace, after } => keys(engine, &namespace, after).await,
            StoreCommand::Get { namespace, key } => get(engine, &namespace, &key).await,
            StoreCommand::Delete { namespace, key } => {
                let bytes = unescaped(&key)?;
                let request = StoreRequest::Delete { key: &bytes };
                let deleted = ask(engine, &namespace, request).await? == StoreReply::Deleted;
                match deleted {
                    true => Ok(StoreReport {
                        text: format!("deleted `{key}` of `{namespace}`"),
                        value: json!({ "deleted": 1 }),
                    }),
                    false => Err(missing(&namespace, &key)),
                }
            }
            StoreCommand::Clear { namespace } => {
                let deleted = clear(engine, &namespace).await?;
                let text = format!("deleted {} of `{namespace}`", entries(deleted));
                let value = json!({ "deleted": deleted });
                Ok(StoreReport { text, value })
            }
        }
    }
}

async fn ask(
    engine: &dyn StoreEngine,
    namespace: &str,
    request: StoreRequest<'_>,
) -> Result<StoreReply, String> {
    let text = |failure: StoreFailure| failure.message;
    let namespace = Namespace::new(namespace);
    let name = namespace.name().map_err(text)?;
    check(&request).map_err(text)?;
    match engine.call(name, request) {
        StoreAnswer::Ready(reply) => reply,
        StoreAnswer::Later(later) => later.await,
    }
    .map_err(text)
}

async fn get(engine: &dyn StoreEngine, namespace: &str, key: &str) -> Result<StoreReport, String> {
    let bytes = unescaped(key)?;
    match ask(engine, namespace, StoreRequest::Get { key: &bytes }).await? {
        StoreReply::Entry { value, version } => {
            let text = escaped(&value);
            let value = json!({ "value": text, "bytes": value.len(), "version": version });
            Ok(StoreReport { text, value })
        }
        _ => Err(missing(namespace, key)),
    }
}

async fn keys(
    engine: &dyn StoreEngine,
    namespace: &str,
    after: Option<String>,
) -> Result<StoreReport, String> {
    let after = after.as_deref().map(unescaped).transpose()?;
    let (found, more) = page(engine, namespace, after.as_deref()).await?;
    let mut text = String::new();
    let mut listed = Vec::new();
    for (key, value) in found {
        let key = escaped(&key);
        let _ = writeln!(text, "{key}  {}", bytes(value as u64));
        listed.push(json!({ "key": key, "bytes": value }));
    }
    if more && let Some(last) = listed.last().and_then(|last| last["key"].as_str()) {
        let _ = writeln!(text, "\nmore follow: `--after '{last}'`");
    }
    if listed.is_empty() {
        let _ = writeln!(text, "no entries in `{namespace}`");
    }
    text.truncate(text.trim_end().len());
    let value = json!({ "keys": listed, "more": more });
    Ok(StoreReport { text, value })
}

/// Keys, each with the length of its value, and whether more follow.
async fn page(
    engine: &dyn StoreEngine,
    namespace: &str,
    after: Option<&[u8]>,
) -> Result<(Vec<(Vec<u8>, usize)>, bool), String> {
    let scan = StoreRequest::Scan {
        prefix: b"",
        after,
        limit: PAGE,
    };
    match ask(engine, namespace, scan).await? {
        StoreReply::Page { entries, more } => {
            let entries = entries.into_iter();
            let keys = entries.map(|(key, value, _)| (key, value.len()));
            Ok((keys.collect(), more))
        }
        other => Err(format!("the engine answered another question: {other:?}")),
    }
}

/// Removes the entries that are there now. Entries that plugins store during the call may stay.
async fn clear(engine: &dyn StoreEngine, namespace: &str) -> Result<u64, String> {
    let (mut deleted, mut after) = (0, None);
    loop {
        let (found, more) = page(engine, namespace, after.as_deref()).await?;
        // All at once: an engine that waits for a disk or a network does so once for many.
        let calls = found
            .iter()
            .map(|(key, _)| engine.call(namespace, StoreRequest::Delete { key }));
        let calls: Vec<_> = calls.collect();
        for call in calls {
            let reply = match call {
                StoreAnswer::Ready(reply) => reply,
                StoreAnswer::Later(later) => later.await,
            };
            let reply = reply.map_err(|failure| failure.message)?;
            deleted += u64::from(reply == StoreReply::Deleted);
        }
        after = found.into_iter().next_back().map(|(key, _)| key);
        if !more {
            return Ok(deleted);
        }
    }
}

fn list_namespaces(uses: &[NamespaceUse]) -> String {
    if uses.is_empty() {
        return "the store is empty".to_owned();
    }
    let width = |text: fn(&NamespaceUse) -> String| {
        let widths = uses.iter().map(|one| text(one).chars().count());
        widths.max().unwrap_or_default()
    };
    let names = width(|one| one.namespace.clone());
    let counts = width(|one| entries(one.entries));
    let lines = uses.iter().map(|one| {
        let (name, count) = (&one.namespace, entries(one.entries));
        format!("{name:<names$}  {count:>counts$}  {}", bytes(one.bytes))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn missing(namespace: &str, key: &str) -> String {
    format!("no entry `{key}` in `{namespace}`")
}

fn entries(count: u64) -> String {
    match count {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    }
}

fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        count => format!("{count} bytes"),
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
