//! One `[[map]]`.

use toml::de::DeValue;

use super::environments::{self, Environments};
use super::level::{self, Enclosing};
use super::table::{Entry, Kind, Table};
use super::{Node, Reader, unreachable};
use crate::load::manifest::words::quoted;
use crate::load::manifest::{Diagnostic, Map, Span, location};

/// A map as read, whether it applies in this environment or not.
pub(super) struct ReadMap {
    /// `None` if its path or host is wrong.
    pub(super) map: Option<Map>,
    pub(super) environments: Environments,
    /// Where to point to when speaking of it.
    pub(super) place: Span,
}

pub(super) fn map(reader: &mut Reader<'_>, node: Node<'_>, around: &Enclosing) -> Option<ReadMap> {
    let DeValue::Table(entries) = node.get_ref() else {
        let help = "write { path = \"/…\", run = \"name\" }".to_owned();
        reader.mismatch(node, "each of `map`", "a table", Some(help));
        return None;
    };
    let span = node.span();
    let mut table = Table::new(entries, span.clone(), Kind::Map);
    let (path, host) = (table.take("path"), table.take("host"));
    let environments = environments::take(reader, &mut table);
    unreachable::environments(reader, &environments, around, "this map");
    let place = path
        .as_ref()
        .map_or_else(|| span.clone(), |entry| entry.value.span());

    let active = environments.include(reader.settings.environment);
    let map = reader.part(active, |reader| {
        let mut inner = around.clone();
        inner.in_map = true;
        inner.in_cascade = false;
        inner.environments.push(environments.clone());
        let path = path_of(reader, path, &span);
        let hosted = host.is_some();
        let host = host.and_then(|entry| {
            let host = host_of(reader, &entry)?;
            unreachable::host(reader, &host, entry.value.span(), around);
            inner.hosts.push((host.clone(), entry.value.span()));
            Some(host)
        });
        let level = level::level(reader, &mut table, &inner);
        let known = path.is_some() && (host.is_some() || !hosted);
        known.then_some(Map {
            path: path?,
            host,
            span,
            level,
        })
    });
    table.finish(reader);
    Some(ReadMap {
        map,
        environments,
        place,
    })
}

fn path_of(reader: &mut Reader<'_>, entry: Option<Entry<'_>>, span: &Span) -> Option<String> {
    let Some(entry) = entry else {
        reader.report(
            Diagnostic::error(span.clone(), "this map has no `path`")
                .label("`path` is missing")
                .help("add `path = \"/…\"`; `path = \"/\"` takes every path"),
        );
        return None;
    };
    let text = reader.string(entry.value, "`path`", "a path, as a string")?;
    match location::path(&text) {
        Ok((path, slash)) => {
            if slash {
                let warning = Diagnostic::warning(
                    entry.value.span(),
                    format!("the `/` at the end of `{text}` has no meaning"),
                )
                .label("dropped")
                .note(format!(
                    "the map takes `{path}` itself and all paths below it"
                ))
                .help(format!("write \"{path}\""));
                reader.report(warning);
            }
            Some(path)
        }
        Err(complaint) => {
            let message = format!("{} cannot be the path of a map", quoted(&text));
            let mut error = Diagnostic::error(entry.value.span(), message).label(complaint.label);
            error.help = complaint.help;
            reader.report(error);
            None
        }
    }
}

fn host_of(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<String> {
    let text = reader.string(entry.value, "`host`", "a host's name, as a string")?;
    location::host(&text)
        .map_err(|complaint| {
            let message = format!("{} cannot be the host of a map", quoted(&text));
            let mut error = Diagnostic::error(entry.value.span(), message).label(complaint.label);
            error.help = complaint.help;
            reader.report(error);
        })
        .ok()
}
