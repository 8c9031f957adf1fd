//! The library file of a directive.

use std::path::{Path, PathBuf};

use super::library_builder::PluginRef;
use super::resolve_context::ResolveContext;
use crate::load::library::{NotFound, file_name, locate, plugins_in};
use crate::load::manifest::words::nearest;
use crate::load::manifest::{Diagnostic, Directive, Manifest, Role};
use crate::serve::stack::directives;

/// The library files of a manifest's directives, or the places where they are looked for: what to watch.
pub(super) fn files(manifest: &Manifest, context: &ResolveContext) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for directive in directives(&manifest.stack) {
        match find(directive, manifest, context) {
            Ok(file) => files.push(file),
            Err(_) => files.extend(
                folders(manifest, context)
                    .iter()
                    .map(|dir| dir.join(file_name(&directive.plugin))),
            ),
        }
    }
    files
}

/// The folders where libraries are looked for.
pub(super) fn folders(manifest: &Manifest, context: &ResolveContext) -> Vec<PathBuf> {
    manifest
        .plugins
        .path
        .iter()
        .map(|folder| context.directory.join(folder))
        .collect()
}

/// The library file of a directive: built, given as `path`, or found in the folders of `[plugins] path`.
pub(super) fn find(
    directive: &Directive,
    manifest: &Manifest,
    context: &ResolveContext,
) -> Result<PathBuf, Box<Diagnostic>> {
    if let Some(built) = context.built.files.get(&PluginRef::of(directive)) {
        return Ok(built.clone());
    }
    match &directive.path {
        Some(path)
            if path
                .extension()
                .is_some_and(|end| end == library_extension()) =>
        {
            Ok(context.directory.join(path))
        }
        // A crate's folder: cargo puts its library with the others.
        _ => {
            let folders = folders(manifest, context);
            locate(&directive.plugin, &folders).map_err(|error| {
                let mut known = context.built.known.clone();
                known.extend(plugins_in(&folders));
                let crate_at = directive
                    .path
                    .as_ref()
                    .map(|path| context.directory.join(path));
                let builds = !context.built.known.is_empty();
                let help = help(directive, crate_at.as_deref(), builds);
                Box::new(missing(directive, &error, &known, help))
            })
        }
    }
}

fn missing(directive: &Directive, error: &NotFound, known: &[String], help: String) -> Diagnostic {
    let plugin = &directive.plugin;
    let label = match nearest(plugin, known.iter().map(String::as_str)) {
        Some(near) if near != plugin => format!("did you mean `{near}`?"),
        _ => "no such library".to_owned(),
    };
    let message = format!("the plugin `{plugin}` is not there: {error}");
    Diagnostic::error(directive.name_span(), message)
        .label(label)
        .help(help)
}

/// How to fix a plugin that is not there; `builds` says whether crates are built.
fn help(directive: &Directive, crate_at: Option<&Path>, builds: bool) -> String {
    let plugin = &directive.plugin;
    let kind = match directive.role {
        Role::Use => "--middleware",
        Role::Run => "--app",
    };
    match crate_at.filter(|folder| !folder.join("Cargo.toml").is_file()) {
        Some(folder) => format!(
            "its `path` leads to `{}`, where there is no Cargo.toml: correct it, or make the crate there",
            folder.display()
        ),
        None if builds => format!(
            "correct the name, make it (`stackup new plugin {plugin} {kind}`), or give its crate or library as `path = \"…\"`"
        ),
        None => {
            "build it (`cargo build --release`), name its folder in `[plugins] path`, or give its \
                 library or crate as `path = \"…\"`"
                .to_owned()
        }
    }
}

fn library_extension() -> &'static Path {
    Path::new(std::env::consts::DLL_EXTENSION)
}
