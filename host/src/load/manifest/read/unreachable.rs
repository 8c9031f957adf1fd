//! What no request can ever reach: Rack drops it in silence, here it is told.

use super::Reader;
use super::directive::ReadDirective;
use super::environments::Environments;
use super::level::Enclosing;
use super::map::ReadMap;
use crate::load::manifest::{Diagnostic, Map, Span, location};

/// A map inside of a map for another host.
pub(super) fn host(reader: &mut Reader<'_>, host: &str, span: Span, around: &Enclosing) {
    let other = around
        .hosts
        .iter()
        .find(|(outer, _)| !location::compatible(outer, host));
    if let Some((outer, outer_span)) = other {
        reader.report(
            Diagnostic::error(span, "this map can never be reached")
                .label(format!("a request for `{host}` …"))
                .also(
                    outer_span.clone(),
                    format!("… never gets into the map for `{outer}`"),
                )
                .help("move it out of the map around it, or leave its `host` out"),
        );
    }
}

/// Something for environments in which a map around it does not apply.
pub(super) fn environments(
    reader: &mut Reader<'_>,
    environments: &Environments,
    around: &Enclosing,
    what: &str,
) {
    let Some(span) = environments.span() else {
        return;
    };
    let other = around
        .environments
        .iter()
        .find(|outer| !outer.overlap(environments));
    if let Some(outer) = other.and_then(Environments::span) {
        reader.report(
            Diagnostic::warning(span, format!("{what} applies in no environment"))
                .label("with this, no environment is left")
                .also(outer, "the map around it has this")
                .help("name one in which both apply, or remove what is never used"),
        );
    }
}

/// Two maps of one place, and a map beside `run` that leaves nothing to it.
pub(super) fn maps(
    reader: &mut Reader<'_>,
    maps: &[ReadMap],
    run: Option<&ReadDirective>,
    around: &Enclosing,
) {
    for (index, read) in maps.iter().enumerate() {
        let Some(map) = &read.map else { continue };
        let host = decisive_host(map, around);
        let first = maps[..index].iter().find(|other| {
            other.environments.overlap(&read.environments)
                && other.map.as_ref().is_some_and(|other| {
                    other.path == map.path && decisive_host(other, around) == host
                })
        });
        if let Some(first) = first {
            reader.report(
                Diagnostic::error(
                    read.place.clone(),
                    format!("{} is mapped twice", shown(map)),
                )
                .label("again here")
                .also(first.place.clone(), "first here")
                .help("join them into one map, or change one path"),
            );
        }
        let Some(run) = run else { continue };
        if map.path.is_empty() && host.is_none() && read.environments.overlap(&run.environments) {
            let run_place = run
                .directive
                .as_ref()
                .map_or_else(|| run.span.clone(), |run| run.name_span());
            reader.report(
                Diagnostic::error(run_place, "this `run` can never be reached")
                    .label("nothing is left for it")
                    .also(read.place.clone(), "this map takes every request here")
                    .help("remove one of them, or give the map a longer path or a host"),
            );
        }
    }
}

/// A map beside `cascade` that leaves nothing to it.
pub(super) fn cascade(reader: &mut Reader<'_>, maps: &[ReadMap], place: Span, around: &Enclosing) {
    let takes_all = |read: &&ReadMap| {
        let all = |map: &Map| map.path.is_empty() && decisive_host(map, around).is_none();
        // In other environments something may be left.
        read.environments.span().is_none() && read.map.as_ref().is_some_and(all)
    };
    if let Some(read) = maps.iter().find(takes_all) {
        reader.report(
            Diagnostic::error(place, "this `cascade` can never be reached")
                .label("nothing is left for it")
                .also(read.place.clone(), "this map takes every request here")
                .help("remove one of them, or give the map a longer path or a host"),
        );
    }
}

/// The map's host, unless every request that gets here has it anyway.
fn decisive_host<'m>(map: &'m Map, around: &Enclosing) -> Option<&'m str> {
    let host = map.host.as_deref()?;
    let given = around
        .hosts
        .iter()
        .any(|(outer, _)| location::implies(outer, host));
    (!given).then_some(host)
}

fn shown(map: &Map) -> String {
    let path = if map.path.is_empty() { "/" } else { &map.path };
    match &map.host {
        Some(host) => format!("`{path}` of host `{host}`"),
        None => format!("`{path}`"),
    }
}

/// A level whose `run` and maps all belong to other environments.
pub(super) fn filtered(
    reader: &mut Reader<'_>,
    maps: &[ReadMap],
    run: Option<&ReadDirective>,
    around: &Enclosing,
) {
    if reader.inactive {
        return;
    }
    let parts = maps.iter().map(|map| (&map.environments, &map.place));
    let parts: Vec<_> = parts
        .chain(run.map(|run| (&run.environments, &run.span)))
        .collect();
    let environment = reader.settings.environment;
    let Some((_, last)) = parts.last() else {
        return;
    };
    if parts
        .iter()
        .any(|(environments, _)| environments.include(environment))
    {
        return;
    }

    let here = if around.in_map { " in this map" } else { "" };
    let mut error = Diagnostic::error(
        (*last).clone(),
        format!("missing `run` or `map`{here} in the environment \"{environment}\""),
    )
    .label("left out in this environment")
    .help("add a `run` that applies there too");
    for (_, place) in &parts[..parts.len() - 1] {
        error = error.also((*place).clone(), "left out too");
    }
    reader.report(error);
}
