//! `warmup`.

use stackup_plugin::path::canonical;

use super::Reader;
use super::strings::{self, Item};
use super::table::Entry;
use crate::load::manifest::Diagnostic;
use crate::load::manifest::words::quoted;

pub(super) fn paths(reader: &mut Reader<'_>, entry: Option<Entry<'_>>) -> Vec<String> {
    let items = entry.and_then(|entry| strings::list(reader, &entry, "`warmup`", "paths"));
    let mut paths: Vec<Item> = Vec::new();
    for item in items.unwrap_or_default() {
        if let Some((label, help)) = fault(&item.text) {
            let message = format!("{} is not a valid warm-up path", quoted(&item.text));
            reader.report(
                Diagnostic::error(item.span, message)
                    .label(label)
                    .help(help),
            );
        } else if let Some(first) = paths.iter().find(|other| other.text == item.text) {
            let warning = Diagnostic::warning(
                item.span,
                format!("`{}` is listed twice in `warmup`", item.text),
            )
            .label("again here")
            .also(first.span.clone(), "first here")
            .help("remove one of them");
            reader.report(warning);
        } else {
            paths.push(item);
        }
    }
    paths.into_iter().map(|item| item.text).collect()
}

/// A warm-up path goes into a request line as it is, query included.
fn fault(text: &str) -> Option<(&'static str, String)> {
    if let Some((_, rest)) = text.split_once("://") {
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        return Some(("this is a URL", format!("write just the path: \"/{path}\"")));
    }
    if !text.starts_with('/') {
        return Some(("does not start with `/`", format!("write \"/{text}\"")));
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some((
            "contains whitespace or a control character",
            "write a space as `%20`".into(),
        ));
    }
    if text.contains('#') {
        return Some((
            "contains `#`",
            "clients never send what follows `#`: remove it".into(),
        ));
    }
    let (path, _) = text.split_once('?').unwrap_or((text, ""));
    canonical(path).err().map(|error| {
        (
            "has no canonical form",
            format!("the server answers 400: {error}"),
        )
    })
}
