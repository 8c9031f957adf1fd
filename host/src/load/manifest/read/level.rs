//! Reads a level: its `use`, `map`, `cascade` and `run`.

use toml::de::DeValue;

use super::directive::{self, ReadDirective};
use super::environments::Environments;
use super::map::{self, ReadMap};
use super::table::{Entry, Table};
use super::{Node, Reader, cascade, embedded, unreachable};
use crate::load::manifest::{Diagnostic, Level, Role};

/// The restrictions of the maps around a level.
#[derive(Clone, Default)]
pub(super) struct Enclosing {
    /// Hosts of the enclosing maps, outermost first, with their spans.
    pub(super) hosts: Vec<(String, crate::load::manifest::Span)>,
    /// Environments of the enclosing maps, outermost first.
    pub(super) environments: Vec<Environments>,
    pub(super) in_map: bool,
    /// Whether the innermost of them is a cascade branch, not a map.
    pub(super) in_cascade: bool,
    /// Whether any of them is one.
    pub(super) below_cascade: bool,
}

pub(super) fn level(reader: &mut Reader<'_>, table: &mut Table<'_>, around: &Enclosing) -> Level {
    // An earlier section may have swallowed the `run` of the top level.
    let misplaced_keys = if around.in_map {
        reader.misplaced_keys
    } else {
        0
    };
    let uses = table.take("use").map(|entry| uses(reader, &entry));
    let maps = table.take("map");
    let mapped = maps.is_some();
    let maps = maps
        .map(|entry| maps_of(reader, &entry, around))
        .unwrap_or_default();
    let cascade = table.take("cascade");
    let place = cascade.as_ref().map(|entry| entry.key.clone());
    let run = table.take("run");
    let ran = run.is_some();
    if let (Some(cascade), Some(run)) = (&cascade, &run) {
        cascade::beside_run(reader, cascade, run);
    }
    // Its app is a service of the program around it.
    let wraps = !around.in_map && embedded::wraps(reader);
    for (key, entry) in [("cascade", &cascade), ("run", &run)] {
        if let Some(entry) = entry.as_ref().filter(|_| wraps) {
            embedded::app_of_layer(reader, key, entry);
        }
    }
    let cascade = cascade.and_then(|entry| cascade::cascade(reader, &entry, around));
    let run = run.and_then(|entry| run_of(reader, &entry));
    let uses = uses.unwrap_or_default();

    for part in uses.iter().chain(&run) {
        unreachable::environments(reader, &part.environments, around, "this directive");
    }
    unreachable::maps(reader, &maps, run.as_ref(), around);
    if wraps {
        // Whatever no map matches gets to that service.
    } else if let Some(place) = place {
        unreachable::cascade(reader, &maps, place, around);
    } else if mapped || ran {
        unreachable::filtered(reader, &maps, run.as_ref(), around);
    } else if reader.misplaced_keys == misplaced_keys
        && !["run", "map", "cascade"]
            .iter()
            .any(|key| table.misspells(key))
    {
        missing(reader, table, around);
    }
    let environment = reader.settings.environment;
    let applies = |part: ReadDirective| {
        part.applies(environment)
            .then_some(part.directive)
            .flatten()
    };
    Level {
        uses: uses.into_iter().filter_map(applies).collect(),
        run: run.and_then(applies),
        cascade,
        wraps,
        closed: None,
        maps: maps
            .into_iter()
            .filter(|map| map.environments.include(environment))
            .filter_map(|map| map.map)
            .collect(),
    }
}

/// Reports a level without `run`, `map` or `cascade` in any environment.
fn missing(reader: &mut Reader<'_>, table: &Table<'_>, around: &Enclosing) {
    let error = if around.in_cascade {
        let message = "missing `run` or `map` in this cascade branch";
        Diagnostic::error(table.span.clone(), message)
            .label("nothing answers requests here")
            .help("add `run = \"name\"` below its header")
    } else if around.in_map {
        Diagnostic::error(table.span.clone(), "missing `run` or `map` in this map")
            .label("nothing answers requests here")
            .help("add `run = \"name\"` below its path, or a `[map.run]`")
    } else {
        let first = table.first_key().unwrap_or(0..0);
        Diagnostic::error(first, "missing `run`, `map` or `cascade`")
            .label("nothing in this manifest answers requests")
            .help("add `run = \"name\"` above the first `[table]`")
    };
    reader.report(error);
}

fn uses(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Vec<ReadDirective> {
    let read =
        |node: Node<'_>, reader: &mut Reader<'_>| directive::directive(reader, node, Role::Use);
    let expected = "a list of plugin names or tables";
    match entry.value.get_ref() {
        DeValue::Array(items) => items.iter().filter_map(|item| read(item, reader)).collect(),
        DeValue::String(_) | DeValue::Table(_) => {
            let raw = reader.text.get(entry.value.span()).unwrap_or_default();
            let help = match raw.strip_prefix('[').and_then(|raw| raw.strip_suffix(']')) {
                Some(header) => format!("write `[[{header}]]`, one for each middleware"),
                None if raw.starts_with(['"', '\'', '{']) => format!("write `use = [{raw}]`"),
                None => "write `use = [{ plugin = \"name\" }]`".to_owned(),
            };
            reader.mismatch(entry.value, "`use`", expected, Some(help));
            read(entry.value, reader).into_iter().collect()
        }
        _ => {
            reader.mismatch(entry.value, "`use`", expected, None);
            Vec::new()
        }
    }
}

fn run_of(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<ReadDirective> {
    let DeValue::Array(items) = entry.value.get_ref() else {
        return directive::directive(reader, entry.value, Role::Run);
    };
    let raw = reader.text.get(entry.value.span()).unwrap_or_default();
    let header = raw
        .strip_prefix("[[")
        .and_then(|raw| raw.strip_suffix("]]"));
    let help = match header {
        Some(header) if items.len() == 1 => format!("write `[{header}]`: a level has one app"),
        _ => "a level has one app: name it, and make the others maps".to_owned(),
    };
    reader.mismatch(entry.value, "`run`", "a plugin name or a table", Some(help));
    let all: Vec<Option<ReadDirective>> = items
        .iter()
        .map(|item| directive::directive(reader, item, Role::Run))
        .collect();
    all.into_iter().flatten().next()
}

fn maps_of(reader: &mut Reader<'_>, entry: &Entry<'_>, around: &Enclosing) -> Vec<ReadMap> {
    let expected = "a list of tables";
    match entry.value.get_ref() {
        DeValue::Array(items) => items
            .iter()
            .filter_map(|item| map::map(reader, item, around))
            .collect(),
        DeValue::Table(_) => {
            let raw = reader.text.get(entry.value.span()).unwrap_or_default();
            let help = match raw.strip_prefix('[').and_then(|raw| raw.strip_suffix(']')) {
                Some(header) => format!("write `[[{header}]]`, one for each map"),
                None => "write `map = [{ path = \"/…\", run = \"name\" }]`".to_owned(),
            };
            reader.mismatch(entry.value, "`map`", expected, Some(help));
            map::map(reader, entry.value, around).into_iter().collect()
        }
        _ => {
            let help = "write a header `[[map]]` with `path` and `run` below it".to_owned();
            reader.mismatch(entry.value, "`map`", expected, Some(help));
            Vec::new()
        }
    }
}
