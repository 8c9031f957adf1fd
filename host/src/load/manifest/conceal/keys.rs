//! Which keys of the manifest have values that anybody may see.

use log_text::is_secret;

use crate::load::manifest::words::{OTHER_NAMES, nearest};

/// The keys that the manifest knows, but for those that have a [`Policy`] of their own. A test compares them with the schema.
const PLAIN_KEYS: [&str; 78] = [
    "acme",
    "address",
    "block_limit",
    "block_report",
    "body_bytes",
    "body_timeout",
    "ca",
    "cascade",
    "catch",
    "cert",
    "challenge",
    "client_auth",
    "connections",
    "contact",
    "cool_down",
    "crash_window",
    "crashes",
    "descriptors",
    "dev",
    "directory",
    "domains",
    "drain_timeout",
    "engine",
    "except",
    "failures",
    "fetches",
    "generations",
    "header_bytes",
    "header_count",
    "header_timeout",
    "host",
    "http2",
    "http2_streams",
    "inspector",
    "layers",
    "limits",
    "lint",
    "listen",
    "log",
    "map",
    "memory",
    "metrics",
    "off",
    "on_failure",
    "only",
    "overlay",
    "panic_window",
    "panics",
    "path",
    "plugin",
    "plugins",
    "prefix",
    "preload",
    "probation_requests",
    "probation_time",
    "process_state",
    "proxy_protocol",
    "reload",
    "renewal",
    "replay",
    "request_timeout",
    "required",
    "run",
    "send_timeout",
    "server",
    "sha256",
    "shutdown_timeout",
    "state",
    "threads",
    "timeout",
    "tls",
    "trust",
    "trusted_proxies",
    "upgrade_drain",
    "use",
    "warmup",
    "warmup_timeout",
    "worker_timeout",
];

/// The keys of `[store]` that are no secrets.
pub(super) const PLAIN_STORE_KEYS: [&str; 5] = ["engine", "memory", "path", "timeout", "prefix"];

/// A shorter key is taken for a misspelt one only if it has the same letters: `pat` may be a token.
const SHORTEST_TYPO: usize = 4;

/// What is shown of a key's value, outside of configs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// All of it; tables in it have keys of their own.
    Plain,
    /// What a config shows.
    Config,
    /// All of it: names that people choose, and levels.
    Levels,
    /// What the store shows.
    Store,
    /// Nothing: its name says that it is secret.
    Secret,
    /// The name of a file, but not what should be in the file.
    KeyFile,
    /// No string: nobody knows what it is.
    Unknown,
}

/// The policy of a key. A key that is likely misspelt has that of the key it means, if that is [`Policy::Plain`].
pub(super) fn policy(key: &str) -> Policy {
    match key {
        "config" => Policy::Config,
        "store" => Policy::Store,
        "handlers" | "targets" => Policy::Levels,
        "url" => Policy::Secret,
        "key" => Policy::KeyFile,
        _ if is_secret(key) => Policy::Secret,
        _ if is_plain(key) => Policy::Plain,
        _ => Policy::Unknown,
    }
}

fn is_plain(key: &str) -> bool {
    let known = |key: &str| PLAIN_KEYS.contains(&key);
    if known(key) {
        return true;
    }
    let mut others = OTHER_NAMES.iter().filter(|(name, _)| *name == key);
    if others.any(|(_, here)| known(here)) {
        return true;
    }
    let all = PLAIN_KEYS.into_iter().chain(["config", "store", "url"]);
    let meant = nearest(key, all).filter(|meant| known(meant));
    meant.is_some_and(|meant| key.len() >= SHORTEST_TYPO || letters(key) == letters(meant))
}

/// The letters of a word, in the order of the alphabet.
fn letters(word: &str) -> Vec<u8> {
    let mut letters = word.as_bytes().to_vec();
    letters.sort_unstable();
    letters
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn keys<'v>(schema: &'v Value, found: &mut BTreeSet<&'v str>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        found.extend(
            properties
                .into_iter()
                .flat_map(|all| all.keys())
                .map(|key| &**key),
        );
        let inner: Vec<&Value> = match schema {
            Value::Object(object) => object.values().collect(),
            Value::Array(items) => items.iter().collect(),
            _ => Vec::new(),
        };
        inner.into_iter().for_each(|schema| keys(schema, found));
    }

    #[test]
    fn every_key_of_the_schema_has_a_policy() {
        let schema = include_str!("../../schema/manifest.schema.json");
        let schema = serde_json::from_str(schema).unwrap();
        let mut found = BTreeSet::new();
        keys(&schema, &mut found);
        let own: Vec<_> = found
            .iter()
            .filter(|key| policy(key) != Policy::Plain)
            .collect();
        assert_eq!(
            own,
            [&"config", &"handlers", &"key", &"store", &"targets", &"url"]
        );
        let gone: Vec<_> = PLAIN_KEYS
            .iter()
            .filter(|key| !found.contains(**key))
            .collect();
        assert!(gone.is_empty(), "{gone:?}");
    }

    #[test]
    fn key_nobody_knows_is_not_plain() {
        for key in [
            "stroe", "ulr", "urll", "confg", "settings", "secrets", "pat", "realm",
        ] {
            assert_ne!(policy(key), Policy::Plain, "{key}");
        }
        for key in ["hots", "rnu", "connectons", "app", "paths"] {
            assert_eq!(policy(key), Policy::Plain, "{key}");
        }
    }
}
