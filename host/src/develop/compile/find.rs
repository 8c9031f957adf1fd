//! Finds the crate of each plugin: its `path`, a member of the workspace, or the folder `plugins/NAME`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::metadata::{Workspace, canonical};
use crate::serve::generation::PluginRef;

/// The plugins of a manifest.
pub(super) type Requested = BTreeSet<PluginRef>;

/// A crate to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crate {
    /// The plugin, as the manifest names it.
    pub(super) plugin: PluginRef,
    /// The index of its package in the workspace.
    pub(super) package: usize,
}

/// The crates to build.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Each workspace with its crates, by its root.
    pub(super) workspaces: BTreeMap<PathBuf, (Workspace, Vec<Crate>)>,
    /// All plugins of the manifest's workspace, for a "did you mean".
    pub(super) known: Vec<String>,
    /// Each `Cargo.toml` that is missing.
    pub(super) missing: BTreeSet<PathBuf>,
}

/// Finds the crates of the plugins. A plugin without a crate is a library.
///
/// # Errors
///
/// When cargo cannot read a crate, or two crates build the same library: the `Cargo.toml`, and why.
pub(super) fn find(wanted: &Requested, directory: &Path) -> Result<Found, (PathBuf, String)> {
    let mut found = Found::default();
    let mut here: Option<Workspace> = None;
    for wanted in wanted {
        let (plugin, path) = (&wanted.plugin, &wanted.path);
        if path.is_none() {
            if here.is_none() && in_a_package(directory) {
                here = Some(read(directory)?);
            }
            let member = here.as_ref().and_then(|workspace| {
                let is_it = |package: &_| is_member(package, plugin);
                Some((
                    workspace.clone(),
                    workspace.packages.iter().position(is_it)?,
                ))
            });
            if let Some((workspace, package)) = member {
                found.add(workspace, wanted, package);
                continue;
            }
        }
        let folder = folder(plugin, path.as_deref(), directory);
        let manifest = folder.join("Cargo.toml");
        if manifest.is_file() {
            let workspace = read(&folder)?;
            let package = at(&workspace, &folder).map_err(|error| (manifest, error))?;
            found.add(workspace, wanted, package);
        } else if !is_library(&folder) {
            found.missing.insert(manifest);
        }
    }
    let members = here.into_iter().flat_map(|workspace| workspace.packages);
    let plugins = members.filter(|package| package.library.is_some() && package.is_member);
    found.known = plugins.map(|package| package.name).collect();
    found.check_libraries()?;
    Ok(found)
}

/// Each `Cargo.toml` whose change may fix what cargo said about the one at `manifest`: that one, those of the plugins'
/// crates, and those that the message names.
pub(super) fn fix_candidates(
    wanted: &Requested,
    directory: &Path,
    manifest: PathBuf,
    message: &str,
) -> BTreeSet<PathBuf> {
    const NAME: &str = "Cargo.toml";
    let near = manifest.parent().unwrap_or(directory).to_path_buf();
    let files = message.split(['`', ' ', '\n']).filter_map(|word| {
        let (before, _) = word.split_once(NAME)?;
        Some(near.join(before).join(NAME))
    });
    let folders = message.split('`').map(Path::new);
    let folders = folders.filter(|folder| folder.is_absolute() && !folder.ends_with(NAME));
    let crates = wanted
        .iter()
        .map(|one| folder(&one.plugin, one.path.as_deref(), directory).join(NAME));
    let all = files.chain(folders.map(|folder| folder.join(NAME)));
    all.chain(crates).chain([manifest.clone()]).collect()
}

/// The folder of a plugin's crate, unless it is a member of the workspace.
fn folder(plugin: &str, path: Option<&Path>, directory: &Path) -> PathBuf {
    match path {
        Some(path) => directory.join(path),
        None => directory.join("plugins").join(plugin),
    }
}

impl Found {
    fn add(&mut self, workspace: Workspace, plugin: &PluginRef, package: usize) {
        let root = workspace.root.clone();
        let (_, crates) = self
            .workspaces
            .entry(root)
            .or_insert((workspace, Vec::new()));
        let plugin = plugin.clone();
        crates.push(Crate { plugin, package });
    }

    /// Cargo writes the libraries of a workspace into one folder, so two of one name would replace each other.
    fn check_libraries(&self) -> Result<(), (PathBuf, String)> {
        for (workspace, crates) in self.workspaces.values() {
            let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
            for one in crates {
                let package = &workspace.packages[one.package];
                let Some(library) = &package.library else {
                    continue;
                };
                let other = *seen.entry(library).or_insert(one.package);
                if other != one.package {
                    let other = &workspace.packages[other];
                    let error = format!(
                        "the crates `{}` in `{}` and `{}` in `{}` build the same library `{library}`\n\
                         help: give one of them another name, or a `name` in `[lib]`",
                        other.name,
                        other.folder.display(),
                        package.name,
                        package.folder.display(),
                    );
                    return Err((package.folder.join("Cargo.toml"), error));
                }
            }
        }
        Ok(())
    }
}

fn read(folder: &Path) -> Result<Workspace, (PathBuf, String)> {
    Workspace::read(folder).map_err(|error| (folder.join("Cargo.toml"), error))
}

fn in_a_package(directory: &Path) -> bool {
    directory
        .ancestors()
        .any(|folder| folder.join("Cargo.toml").is_file())
}

fn is_member(package: &super::metadata::Package, name: &str) -> bool {
    package.is_member && package.name == name
}

/// Whether a directive's `path` names a library, not a crate.
fn is_library(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| end == std::env::consts::DLL_EXTENSION)
}

/// The package in `folder`.
fn at(workspace: &Workspace, folder: &Path) -> Result<usize, String> {
    let folder = canonical(folder);
    let mut packages = workspace.packages.iter();
    packages
        .position(|package| package.folder == folder)
        .ok_or_else(|| format!("there is no package in `{}`", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_in_cargos_message_are_fix_candidates() {
        let message = "error: unclosed table, expected `]`\n --> ../part/Cargo.toml:1:9\nerror: failed to load manifest \
                    for workspace member `/site/tools/gen`\nfailed to read `/lib/far/Cargo.toml`";
        let wanted = Requested::from([PluginRef::named("hello")]);
        let found = fix_candidates(
            &wanted,
            Path::new("/site"),
            "/site/Cargo.toml".into(),
            message,
        );
        let expected = [
            "/lib/far/Cargo.toml",
            "/site/../part/Cargo.toml",
            "/site/Cargo.toml",
            "/site/plugins/hello/Cargo.toml",
            "/site/tools/gen/Cargo.toml",
        ];
        assert_eq!(found, expected.map(PathBuf::from).into());
    }
}
