//! Reports parts that no request can reach. Rack drops them silently.

use super::Reader;
use super::directive::ReadDirective;
use super::environments::Environments;
use super::level::Enclosing;
use super::map::ReadMap;
use crate::load::manifest::{Diagnostic, Map, Span, location};

/// A map inside a map for another host.
pub(super) fn host(reader: &mut Reader<'_>, host: &str, span: Span, around: &Enclosing) {
    let other = around
        .hosts
        .iter()
        .find(|(outer, _)| !location::compatible(outer, host));
    if let Some((outer, outer_span)) = other {
        reader.report(
            Diagnostic::error(span, "this map is unreachable")
                .label(format!("requests for `{host}` never get here"))
                .also(
                    outer_span.clone(),
                    format!("this map only accepts `{outer}`"),
                )
                .help("move it out of the enclosing map, or remove its `host`"),
        );
    }
}

/// A part whose environments exclude those of an enclosing map.
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
                .label("this leaves no environment")
                .also(outer, "the enclosing part has this")
                .help("name an environment in which both apply, or remove what never applies"),
        );
    }
}

/// Two maps with the same path and host, and a map that leaves no request to the `run` beside it.
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
                .label("mapped again here")
                .also(first.place.clone(), "first mapped here")
                .help("merge them into one map, or change one path"),
            );
        }
        let Some(run) = run else { continue };
        if map.path.is_root() && host.is_none() && read.environments.overlap(&run.environments) {
            let run_place = run
                .directive
                .as_ref()
                .map_or_else(|| run.span.clone(), |run| run.name_span());
            reader.report(
                Diagnostic::error(run_place, "this `run` is unreachable")
                    .label("no request gets here")
                    .also(read.place.clone(), "this map matches every request")
                    .help("remove one of them, or give the map a longer path or a host"),
            );
        }
    }
}

/// A map that leaves no request to the `cascade` beside it.
pub(super) fn cascade(reader: &mut Reader<'_>, maps: &[ReadMap], place: Span, around: &Enclosing) {
    let takes_all = |read: &&ReadMap| {
        let all = |map: &Map| map.path.is_root() && decisive_host(map, around).is_none();
        // A map for some environments may leave requests in others.
        read.environments.span().is_none() && read.map.as_ref().is_some_and(all)
    };
    if let Some(read) = maps.iter().find(takes_all) {
        reader.report(
            Diagnostic::error(place, "this `cascade` is unreachable")
                .label("no request gets here")
                .also(read.place.clone(), "this map matches every request")
                .help("remove one of them, or give the map a longer path or a host"),
        );
    }
}

/// The map's host, unless every request that gets here has this host anyway.
fn decisive_host<'m>(map: &'m Map, around: &Enclosing) -> Option<&'m str> {
    let host = map.host.as_deref()?;
    let given = around
        .hosts
        .iter()
        .any(|(outer, _)| location::implies(outer, host));
    (!given).then_some(host)
}

fn shown(map: &Map) -> String {
    let path = match map.path.as_str() {
        "" => "/",
        path => path,
    };
    match &map.host {
        Some(host) => format!("`{path}` on host `{host}`"),
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
    .label("does not apply in this environment")
    .help("add a `run` that applies in this environment, too");
    for (_, place) in &parts[..parts.len() - 1] {
        error = error.also((*place).clone(), "does not apply either");
    }
    reader.report(error);
}
