//! `stackup new plugin`.

use std::fmt;
use std::path::{Path, PathBuf};

use super::files::{NewFile, check_vacant, create, fill};
use super::members::Workspace;
use super::{NewError, dependency, name};
use crate::load::library::HandlerKind;

/// A created plugin.
#[derive(Debug)]
pub struct NewPlugin {
    name: String,
    kind: HandlerKind,
    folder: PathBuf,
    /// The Cargo.toml to whose members it was added.
    added: Option<PathBuf>,
}

/// Creates the plugin `named` in the site around `from`; `plugin_api` as for a site.
///
/// # Errors
///
/// See [`NewError`].
pub fn plugin(
    named: &str,
    kind: HandlerKind,
    from: &Path,
    plugin_api: Option<&Path>,
) -> Result<NewPlugin, NewError> {
    name::check(named, "plugin")?;
    let site = site_of(from)?;
    let folder = site.join("plugins").join(named);
    let folder = folder.strip_prefix(".").unwrap_or(&folder).to_path_buf();
    check_vacant(&folder)?;
    let mut workspace = Workspace::around(&site)?;
    let added = workspace
        .as_mut()
        .map(|workspace| workspace.add(&site, named));
    let added = added.transpose()?.unwrap_or(false);
    let files = files(named, kind, workspace.as_ref(), plugin_api)?;
    create(&folder, &files)?;
    let mut plugin = NewPlugin {
        name: named.to_owned(),
        kind,
        folder,
        added: None,
    };
    if let Some(workspace) = workspace.filter(|_| added) {
        plugin.added = Some(workspace.save()?);
    }
    Ok(plugin)
}

/// The folder of the nearest manifest, from here upwards. Stays relative if `from` is the site, for short messages.
fn site_of(from: &Path) -> Result<PathBuf, NewError> {
    let is_site = |folder: &Path| folder.join("config.ru.toml").is_file();
    if is_site(from) {
        return Ok(from.to_path_buf());
    }
    let all = std::fs::canonicalize(from).map_err(NewError::io(from, "read"))?;
    let site = all.ancestors().find(|folder| is_site(folder));
    site.map(Path::to_path_buf)
        .ok_or_else(|| NewError::NoSite(all.clone()))
}

fn files(
    named: &str,
    kind: HandlerKind,
    workspace: Option<&Workspace>,
    plugin_api: Option<&Path>,
) -> Result<[NewFile<'static>; 3], NewError> {
    let has = |path: &[&str]| workspace.is_some_and(|workspace| workspace.has(path));
    let shared = plugin_api.is_none() && has(&["workspace", "dependencies", "stackup-plugin"]);
    let (dependency, test_dependency) = match shared {
        true => (
            "stackup-plugin.workspace = true".to_owned(),
            "stackup-plugin = { workspace = true, features = [\"testing\"] }".to_owned(),
        ),
        false => {
            let plain = dependency::dependency(plugin_api)?;
            let source = match plain.as_str() {
                Some(version) => format!("version = \"{version}\""),
                None => plain
                    .to_string()
                    .trim()
                    .trim_matches(['{', '}', ' '])
                    .to_owned(),
            };
            (
                format!("stackup-plugin = {{ {source} }}"),
                format!("stackup-plugin = {{ {source}, features = [\"testing\"] }}"),
            )
        }
    };
    let edition = match has(&["workspace", "package", "edition"]) {
        true => "edition.workspace = true",
        false => "edition = \"2024\"",
    };
    let lints = match has(&["workspace", "lints"]) {
        true => "\n[lints]\nworkspace = true\n",
        false => "",
    };
    let (description, source, readme) = match kind {
        HandlerKind::App => (
            "An app that greets",
            include_str!("plugin/app.rs.in"),
            include_str!("plugin/app.md.in"),
        ),
        HandlerKind::Middleware => (
            "A middleware that sets a header",
            include_str!("plugin/middleware.rs.in"),
            include_str!("plugin/middleware.md.in"),
        ),
    };
    let type_name = name::type_name(named);
    let values = [
        ("name", named),
        ("type", &type_name),
        ("description", description),
        ("edition", edition),
        ("dependency", &dependency),
        ("test_dependency", &test_dependency),
        ("lints", lints),
    ];
    let manifest = fill(include_str!("plugin/Cargo.toml.in"), &values);
    Ok([
        ("Cargo.toml", manifest.trim_end().to_owned() + "\n"),
        ("README.md", fill(readme, &values)),
        ("src/lib.rs", fill(source, &values)),
    ])
}

/// Says what was created and how to mount it.
impl fmt::Display for NewPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, kind, folder) = (&self.name, self.kind, self.folder.display());
        writeln!(f, "created the {kind} `{name}` in `{folder}`")?;
        if let Some(path) = &self.added {
            writeln!(f, "added it to the members of `{}`", path.display())?;
        }
        match self.kind {
            HandlerKind::App => write!(
                f,
                "\nto mount it, replace the app in config.ru.toml\n\n  run = \"{name}\"\n\nor add a map at the end, \
                 for some of the paths\n\n  [[map]]\n  path = \"/{name}\"\n  run = \"{name}\""
            ),
            HandlerKind::Middleware => write!(
                f,
                "\nto mount it, add it to `use` in config.ru.toml, outermost first\n\n  use = [\"{name}\", …]"
            ),
        }
    }
}
