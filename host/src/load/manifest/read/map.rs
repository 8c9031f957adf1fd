//! One `[[map]]`.

use stackup_plugin::path::PathPrefix;
use toml::de::DeValue;

use super::environments::{self, Environments};
use super::level::{self, Enclosing};
use super::table::{Entry, Kind, Table};
use super::{Node, Reader, limits, unreachable};
use crate::load::manifest::words::quoted;
use crate::load::manifest::{Diagnostic, Map, Span, location};

/// A map as read, whether or not it applies in this environment.
pub(super) struct ReadMap {
    /// `None` if its path or host is invalid.
    pub(super) map: Option<Map>,
    pub(super) environments: Environments,
    /// Where errors about it point.
    pub(super) place: Span,
}

pub(super) fn map(reader: &mut Reader<'_>, node: Node<'_>, around: &Enclosing) -> Option<ReadMap> {
    let DeValue::Table(entries) = node.get_ref() else {
        let help = "write { path = \"/…\", run = \"name\" }".to_owned();
        reader.mismatch(node, "each entry of `map`", "a table", Some(help));
        return None;
    };
    let span = node.span();
    let mut table = Table::new(entries, span.clone(), Kind::Map);
    let (path, host) = (table.take("path"), table.take("host"));
    let limits = table.take("limits");
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
        let limits = limits::of_map(reader, limits, around);
        let level = level::level(reader, &mut table, &inner);
        let known = path.is_some() && (host.is_some() || !hosted);
        known.then_some(Map {
            path: path?,
            host,
            limits,
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

fn path_of(reader: &mut Reader<'_>, entry: Option<Entry<'_>>, span: &Span) -> Option<PathPrefix> {
    let Some(entry) = entry else {
        reader.report(
            Diagnostic::error(span.clone(), "this map has no `path`")
                .label("missing `path`")
                .help("add `path = \"/…\"`; `path = \"/\"` matches every path"),
        );
        return None;
    };
    let text = reader.string(entry.value, "`path`", "a string with a path")?;
    match location::path(&text) {
        Ok((path, slash)) => {
            if slash {
                let bare = text.trim_end_matches('/');
                let warning = Diagnostic::warning(
                    entry.value.span(),
                    format!("the trailing `/` in `{text}` has no effect"),
                )
                .label("dropped")
                .note(format!(
                    "the map matches `{bare}` itself and every path below it"
                ))
                .help(format!("write \"{bare}\""));
                reader.report(warning);
            }
            Some(path)
        }
        Err(complaint) => {
            let message = format!("{} is not a valid map path", quoted(&text));
            let mut error = Diagnostic::error(entry.value.span(), message).label(complaint.label);
            error.help = complaint.help;
            reader.report(error);
            None
        }
    }
}

fn host_of(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<String> {
    let text = reader.string(entry.value, "`host`", "a string with a host name")?;
    location::host(&text)
        .map_err(|complaint| {
            let message = format!("{} is not a valid map host", quoted(&text));
            let mut error = Diagnostic::error(entry.value.span(), message).label(complaint.label);
            error.help = complaint.help;
            reader.report(error);
        })
        .ok()
}
