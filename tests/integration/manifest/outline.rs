//! A manifest as a few lines of text: what differs from the defaults, then the stack.

use std::fmt::{Debug, Write as _};

use stackup::load::manifest::{
    Directive, Failures, Level, Limits, Manifest, OnFailure, OnProcessChange, Plugins, Renewal,
    Role, Server,
};
use stackup::services::StoreSettings;

pub(super) fn outline(manifest: &Manifest) -> String {
    let mut out = String::new();
    if manifest.server.listen != Server::default().listen {
        let all: Vec<String> = manifest
            .server
            .listen
            .iter()
            .map(ToString::to_string)
            .collect();
        let _ = writeln!(out, "listen {}", all.join(", "));
    }
    if !manifest.server.trusted_proxies.is_empty() {
        let _ = writeln!(out, "trusted proxies {}", manifest.server.trusted_proxies);
    }
    if manifest.plugins != Plugins::default() {
        let _ = writeln!(
            out,
            "plugins {:?} trust {:?}",
            manifest.plugins.path, manifest.plugins.trust
        );
        let Plugins {
            preload,
            process_state,
            ..
        } = &manifest.plugins;
        if !preload.is_empty() {
            let names: Vec<_> = preload.iter().map(|it| it.name.as_str()).collect();
            let _ = writeln!(out, "preload {}", names.join(", "));
        }
        if *process_state != OnProcessChange::default() {
            let _ = writeln!(out, "process state {process_state:?}");
        }
    }
    changed(&mut out, "limit", &manifest.limits, &Limits::default());
    changed(
        &mut out,
        "failure",
        &manifest.failures,
        &Failures::default(),
    );
    changed(&mut out, "renewal", &manifest.renewal, &Renewal::default());
    let named = [
        ("handler", &manifest.log.handlers),
        ("target", &manifest.log.targets),
    ];
    for (what, levels) in named {
        for (name, level) in levels {
            let _ = writeln!(out, "log {what} {name} {level}");
        }
    }
    if let Some(metrics) = manifest.metrics {
        let layers = if metrics.layers { " layers" } else { "" };
        let _ = writeln!(out, "metrics{layers}");
    }
    let store = &manifest.store;
    changed(&mut out, "store", store, &StoreSettings::default());
    if !manifest.warmup.is_empty() {
        let _ = writeln!(out, "warmup {}", manifest.warmup.join(", "));
    }
    level(&mut out, &manifest.stack, "");
    out
}

/// The fields of a section that differ from its defaults.
fn changed<T: Debug>(out: &mut String, what: &str, section: &T, default: &T) {
    let lines = |section: &T| {
        let text = format!("{section:#?}");
        text.replace(",\n    )", ")").replace("(\n        ", "(")
    };
    let default = lines(default);
    let changed = lines(section);
    for line in changed
        .lines()
        .filter(|line| !default.lines().any(|d| d == *line))
    {
        let _ = writeln!(out, "{what} {}", line.trim().trim_end_matches(','));
    }
}

fn level(out: &mut String, level_: &Level, indent: &str) {
    for used in &level_.uses {
        directive(out, used, indent);
    }
    for map in &level_.maps {
        let host = map
            .host
            .as_deref()
            .map(|host| format!(" host {host}"))
            .unwrap_or_default();
        let limits = match map.limits.is_empty() {
            true => String::new(),
            false => format!(" limits {}", map.limits),
        };
        let _ = writeln!(out, "{indent}map {:?}{host}{limits}", map.path.as_str());
        level(out, &map.level, &format!("{indent}  "));
    }
    for tried in level_.cascade.iter().flatten() {
        let _ = writeln!(out, "{indent}cascade {:?}", tried.catch);
        level(out, &tried.level, &format!("{indent}  "));
    }
    if level_.cascade.as_ref().is_some_and(Vec::is_empty) {
        let _ = writeln!(out, "{indent}cascade of none");
    }
    if let Some(run) = &level_.run {
        directive(out, run, indent);
    }
}

fn directive(out: &mut String, directive: &Directive, indent: &str) {
    let role = match directive.role {
        Role::Use => "use",
        Role::Run => "run",
    };
    let _ = write!(out, "{indent}{role} {}", directive.plugin);
    if let Some(handler) = &directive.handler {
        let _ = write!(out, "#{handler}");
    }
    if let Some(path) = &directive.path {
        let _ = write!(out, " path {}", path.display());
    }
    if let Some(sha256) = &directive.sha256 {
        let _ = write!(out, " sha256 {sha256}");
    }
    if directive.on_failure == OnFailure::Bypass {
        out.push_str(" bypass");
    }
    if !directive.config.values().is_empty() {
        let _ = write!(
            out,
            " {}",
            serde_json::Value::Object(directive.config.values().clone())
        );
    }
    out.push('\n');
}
