//! `[store]`.

use std::time::Duration;

use super::Reader;
use super::keys::{Keys, SHORTEST};
use super::server::section;
use super::table::{Entry, Table};
use crate::load::manifest::Diagnostic;
use crate::load::manifest::words::{list, nearest};
use crate::services::{RedisSettings, RedisUrl, StoreSettings};

const LONGEST: Duration = Duration::from_secs(60);

/// The engines, each with its keys; the first is the default.
const ENGINES: [(&str, &[&str]); 3] = [
    ("memory", &["memory"]),
    ("file", &["path"]),
    ("redis", &["url", "timeout", "prefix"]),
];

pub(super) fn store(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> StoreSettings {
    let Some(mut table) = entry.and_then(|entry| section(reader, entry, "store")) else {
        return StoreSettings::default();
    };
    let chosen = table.take("engine");
    let engine = match &chosen {
        Some(entry) => engine(reader, entry),
        None => Some("memory"),
    };
    let settings = match engine {
        Some("redis") => redis(reader, &mut table, chosen.as_ref()),
        Some("file") => file(reader, &mut table, chosen.as_ref()),
        Some(_) => Some(memory(reader, &mut table)),
        None => None,
    };
    for (other, keys) in ENGINES.into_iter().filter(|(name, _)| engine != Some(name)) {
        for key in keys {
            let Some(entry) = table.take(key) else {
                continue;
            };
            // With an engine that is unknown, nothing can be said of its keys.
            if engine.is_some() {
                let mut error = Diagnostic::error(
                    entry.key,
                    format!("`{key}` belongs to the engine \"{other}\""),
                )
                .help(format!("write `engine = \"{other}\"`, or remove `{key}`"));
                if let Some(chosen) = &chosen {
                    error = error.also(chosen.value.span(), "the engine is this one");
                }
                reader.report(error);
            }
        }
    }
    table.finish(reader);
    settings.unwrap_or_default()
}

fn engine(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<&'static str> {
    let names = ENGINES.map(|(name, _)| name);
    let quoted = names.map(|name| format!("\"{name}\""));
    let expected = list(quoted.iter().map(String::as_str), "or").replace('`', "");
    let text = reader.string(entry.value, "`engine`", &expected)?;
    let found = names.into_iter().find(|name| *name == text);
    if found.is_none() {
        let message = format!("`engine` must be {expected}");
        let mut error = Diagnostic::error(entry.value.span(), message)
            .label(format!("there is no engine `{text}`"));
        error.help = nearest(&text, names).map(|meant| format!("did you mean \"{meant}\"?"));
        reader.report(error);
    }
    if found == Some("redis") && !cfg!(feature = "redis") {
        let error = Diagnostic::error(entry.value.span(), "this stackup has no engine \"redis\"")
            .label("it was built without the feature `redis`")
            .help("build stackup with its default features");
        reader.report(error);
        return None;
    }
    found
}

fn memory(reader: &mut Reader<'_>, table: &mut Table<'_>) -> StoreSettings {
    let mut bytes = 64 << 20;
    let mut keys = Keys { reader, table };
    keys.exact_bytes("memory", 1 << 20..=1 << 40, &mut bytes);
    StoreSettings::Memory { bytes }
}

fn file(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    engine: Option<&Entry<'_>>,
) -> Option<StoreSettings> {
    let Some(entry) = table.take("path") else {
        if !table.misspells("path") {
            let span = engine.map(|engine| engine.value.span()).unwrap_or_default();
            let error = Diagnostic::error(span, "the engine \"file\" needs `path`")
                .label("where is the file?")
                .help("add for example `path = \"/var/lib/my-site/store.redb\"`");
            reader.report(error);
        }
        return None;
    };
    let text = reader.string(entry.value, "`path`", "the name of a file")?;
    if text.is_empty() || text.contains('\0') || text.ends_with('/') {
        let error = Diagnostic::error(entry.value.span(), "`path` must be the name of a file")
            .label("this can't be one");
        reader.report(error);
        return None;
    }
    Some(StoreSettings::File { path: text.into() })
}

fn redis(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    engine: Option<&Entry<'_>>,
) -> Option<StoreSettings> {
    let url = table.take("url");
    if url.is_none() && !table.misspells("url") {
        let span = engine.map(|engine| engine.value.span()).unwrap_or_default();
        let error = Diagnostic::error(span, "the engine \"redis\" needs `url`")
            .label("where is the server?")
            .help("add for example `url = \"redis://127.0.0.1:6379\"`");
        reader.report(error);
    }
    let url = url.and_then(|entry| redis_url(reader, &entry));
    let mut timeout = RedisSettings::TIMEOUT;
    let mut keys = Keys { reader, table };
    keys.time("timeout", SHORTEST..=LONGEST, &mut timeout);
    let prefix = match table.take("prefix") {
        Some(entry) => prefix(reader, &entry)?,
        None => RedisSettings::PREFIX.to_owned(),
    };
    Some(StoreSettings::Redis(RedisSettings {
        url: url?,
        timeout,
        prefix,
    }))
}

fn redis_url(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<RedisUrl> {
    let text = reader.string(entry.value, "`url`", "the URL of a Redis server")?;
    match RedisUrl::parse(&text) {
        Ok(url) => Some(url),
        Err(why) => {
            let error = Diagnostic::error(entry.value.span(), "`url` can't be used")
                .label(why)
                .help(
                    "write `redis://host:6379`, `redis://user:${PASSWORD}@host:6379/0`, `rediss://host` for TLS, or \
                     `redis+unix:///path/to.sock`; in a password, write `%40` for `@`, and so on",
                );
            reader.report(error);
            None
        }
    }
}

/// Braces would be taken for the hash tag, which is the namespace's.
fn prefix(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<String> {
    let text = reader.string(entry.value, "`prefix`", "a string")?;
    let allowed = |char: char| char.is_ascii_graphic() && !"{}*?[]\\".contains(char);
    let length = 1..=RedisSettings::LONGEST_PREFIX;
    if length.contains(&text.len()) && text.chars().all(allowed) {
        return Some(text);
    }
    let message = "`prefix` can't be used";
    let error = Diagnostic::error(entry.value.span(), message).label(format!(
        "expected 1 to {} characters of ASCII without spaces, `*`, `?`, `\\`, brackets and braces",
        RedisSettings::LONGEST_PREFIX
    ));
    reader.report(error);
    None
}
