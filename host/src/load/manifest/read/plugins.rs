//! `[plugins]`.

use std::path::PathBuf;

use super::Reader;
use super::server::section;
use super::strings;
use super::table::Entry;
use crate::load::manifest::{Diagnostic, Plugins, Span, Trust};

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
    table.finish(reader);
    plugins
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
