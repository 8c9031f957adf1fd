//! `[plugins]`.

use std::path::PathBuf;

use super::Reader;
use super::server::section;
use super::strings;
use super::table::Entry;
use crate::load::manifest::{Diagnostic, OnProcessChange, Plugins, Preload, Span, Trust};

pub(super) fn plugins(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> Plugins {
    let mut plugins = Plugins::default();
    let Some(mut table) = entry.and_then(|entry| section(reader, entry, "plugins")) else {
        return plugins;
    };
    if let Some(entry) = table.take("path") {
        plugins.path = directories(reader, &entry).unwrap_or(plugins.path);
    }
    if let Some(entry) = table.take("trust") {
        plugins.trust = trust(reader, &entry).unwrap_or_default();
    }
    if let Some(entry) = table.take("preload") {
        plugins.preload = preload(reader, &entry).unwrap_or_default();
    }
    if let Some(entry) = table.take("process_state") {
        plugins.process_state = process_state(reader, &entry).unwrap_or_default();
    }
    table.finish(reader);
    plugins
}

/// Names only: whoever may change a file that a path leads to would run code in the worker.
fn preload(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Vec<Preload>> {
    let mut found: Vec<Preload> = Vec::new();
    for item in strings::list(reader, entry, "`preload`", "libraries")? {
        let (name, span) = (item.text, item.span);
        if name.is_empty() || name.contains(['/', '\0']) {
            reader.report(
                Diagnostic::error(span, "`preload` takes names of libraries")
                    .label("expected a name as the system's loader knows it")
                    .help(
                        "write for example \"libpython3.11.so.1.0\": `ldconfig -p` lists the names",
                    ),
            );
        } else {
            found.push(Preload { name, span });
        }
    }
    Some(found)
}

fn process_state(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<OnProcessChange> {
    let words = [
        ("report", OnProcessChange::Report),
        ("strict", OnProcessChange::Strict),
    ];
    let note = "\"report\" warns of a plugin that changes the whole process, \"strict\" refuses it";
    strings::either(reader, entry, "`process_state`", words, note)
}

fn directories(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Vec<PathBuf>> {
    let mut found: Vec<(PathBuf, Span)> = Vec::new();
    for item in strings::list(reader, entry, "`path`", "directories")? {
        let path = PathBuf::from(&item.text);
        if item.text.is_empty() || item.text.contains('\0') {
            reader.report(
                Diagnostic::error(item.span, "empty directory name in `[plugins]`")
                    .label("expected a directory name")
                    .help("write \".\" for the manifest's own folder"),
            );
        } else if let Some((_, first)) = found.iter().find(|(other, _)| *other == path) {
            let warning =
                Diagnostic::warning(item.span, format!("`{}` is listed twice", item.text))
                    .label("no effect")
                    .also(first.clone(), "first here")
                    .help("remove one of them");
            reader.report(warning);
        } else {
            found.push((path, item.span));
        }
    }
    Some(found.into_iter().map(|(path, _)| path).collect())
}

fn trust(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Trust> {
    let words = [("owner", Trust::Owner), ("any", Trust::Any)];
    let note = "\"owner\" loads only files that only their owner can change, \"any\" loads \
                every file";
    strings::either(reader, entry, "`trust`", words, note)
}
