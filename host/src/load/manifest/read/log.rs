//! `[log]`.

use std::collections::BTreeMap;

use toml::de::DeValue;
use tracing::level_filters::LevelFilter;

use super::server::section;
use super::table::Entry;
use super::{Node, Reader};
use crate::load::manifest::Diagnostic;
use crate::load::manifest::words::{list, nearest, quoted};
use crate::services::LogFilters;

const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Reads it after the stack, whose directives it names.
pub(super) fn log(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> LogFilters {
    let Some(mut table) = entry.and_then(|entry| section(reader, entry, "log")) else {
        return LogFilters::default();
    };
    let (handlers, targets) = (table.take("handlers"), table.take("targets"));
    if let Some(handlers) = &handlers {
        warn_of_unknown(reader, handlers.value);
    }
    let filters = LogFilters {
        handlers: handlers
            .map(|it| levels(reader, &it, "handlers"))
            .unwrap_or_default(),
        targets: targets
            .map(|it| levels(reader, &it, "targets"))
            .unwrap_or_default(),
    };
    table.finish(reader);
    filters
}

fn levels(reader: &mut Reader<'_>, entry: &Entry<'_>, what: &str) -> BTreeMap<String, LevelFilter> {
    let DeValue::Table(entries) = entry.value.get_ref() else {
        let help = format!("write `{what} = {{ name = \"warn\" }}`");
        let what = format!("`{what}`");
        reader.mismatch(
            entry.value,
            &what,
            "a table of names and levels",
            Some(help),
        );
        return BTreeMap::new();
    };
    let mut levels = BTreeMap::new();
    for (name, value) in entries {
        let key: &str = name.get_ref();
        if key.is_empty() {
            let error = Diagnostic::error(name.span(), "an empty name in `[log]`")
                .label("expected the name of a handler, or the beginning of a target")
                .help("choose the level of everything with `-v` or `-q`");
            reader.report(error);
        } else if let Some(level) = level(reader, key, value) {
            levels.insert(key.to_owned(), level);
        }
    }
    levels
}

fn level(reader: &mut Reader<'_>, name: &str, value: Node<'_>) -> Option<LevelFilter> {
    let what = format!("the level of {}", quoted(name));
    let text = reader.string(value, &what, "a string with a level")?;
    if let Some((_, level)) = LEVELS.iter().find(|(name, _)| *name == text) {
        return Some(*level);
    }
    let names = || LEVELS.iter().map(|(name, _)| *name);
    let error = Diagnostic::error(value.span(), format!("{} is not a level", quoted(&text)));
    reader.report(match nearest(&text, names()) {
        Some(meant) => error.label(format!("did you mean \"{meant}\"?")),
        None => error.help(format!("levels are {}", list(names(), "and"))),
    });
    None
}

/// Warns of filters whose handler stands nowhere in the manifest, in any environment.
fn warn_of_unknown(reader: &mut Reader<'_>, handlers: Node<'_>) {
    let DeValue::Table(entries) = handlers.get_ref() else {
        return;
    };
    for (name, _) in entries {
        let key: &str = name.get_ref();
        if key.is_empty() || reader.named.contains(key) {
            continue;
        }
        let message = format!("the log filter for {} has no effect", quoted(key));
        let warning = Diagnostic::warning(name.span(), message);
        let meant = nearest(key, reader.named.iter().map(String::as_str));
        let warning = match meant {
            Some(meant) => warning.label(format!("did you mean `{meant}`?")),
            None => warning.label("no directive has this name"),
        };
        reader.report(warning.help(
            "write a handler's name as its directive does, and targets below `[log.targets]`",
        ));
    }
}
