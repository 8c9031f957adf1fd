//! Which plugin is which crate: a `path`, a member of the workspace, or a folder `plugins/NAME`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::metadata::Workspace;

/// Every plugin by name, with the crate's folder where its directive gives one.
pub(super) type Requested = BTreeMap<String, Option<PathBuf>>;

/// A crate to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crate {
    /// The plugin, as the manifest names it.
    pub(super) plugin: String,
    /// Its package, among those of the workspace.
    pub(super) package: usize,
}

/// The crates to build, and all that could have been asked for.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Each workspace with its crates, by its root.
    pub(super) workspaces: BTreeMap<PathBuf, (Workspace, Vec<Crate>)>,
    pub(super) known: Vec<String>,
    /// The `Cargo.toml` that would be a crate's, but is not there.
    pub(super) missing: BTreeSet<PathBuf>,
}

/// Finds the crates of those plugins that have one in reach. The others are libraries already.
///
/// # Errors
///
/// When cargo can't read a crate that is there: its `Cargo.toml`, and why.
pub(super) fn find(wanted: &Requested, directory: &Path) -> Result<Found, (PathBuf, String)> {
    let mut found = Found::default();
    let mut here: Option<Workspace> = None;
    for (plugin, path) in wanted {
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
                found.add(workspace, plugin, package);
                continue;
            }
        }
        let folder = folder(plugin, path.as_deref(), directory);
        let manifest = folder.join("Cargo.toml");
        if manifest.is_file() {
            let workspace = read(&folder)?;
            let package = at(&workspace, &folder).map_err(|error| (manifest, error))?;
            found.add(workspace, plugin, package);
        } else if !is_library(&folder) {
            found.missing.insert(manifest);
        }
    }
    let members = here.into_iter().flat_map(|workspace| workspace.packages);
    let plugins = members.filter(|package| package.is_plugin && package.is_member);
    found.known = plugins.map(|package| package.name).collect();
    Ok(found)
}

/// Each `Cargo.toml` that may mend what cargo has said of the one at `manifest`: that one, those of the crates which are
/// wanted, and what it has named, as a member of the workspace or a dependency.
pub(super) fn fix_candidates(
    wanted: &Requested,
    directory: &Path,
    manifest: PathBuf,
    said: &str,
) -> BTreeSet<PathBuf> {
    const NAME: &str = "Cargo.toml";
    let near = manifest.parent().unwrap_or(directory).to_path_buf();
    let files = said.split(['`', ' ', '\n']).filter_map(|word| {
        let (before, _) = word.split_once(NAME)?;
        Some(near.join(before).join(NAME))
    });
    let folders = said.split('`').map(Path::new);
    let folders = folders.filter(|folder| folder.is_absolute() && !folder.ends_with(NAME));
    let crates = wanted
        .iter()
        .map(|(plugin, path)| folder(plugin, path.as_deref(), directory).join(NAME));
    let all = files.chain(folders.map(|folder| folder.join(NAME)));
    all.chain(crates).chain([manifest.clone()]).collect()
}

/// Where the crate of a plugin is that is no member of the workspace.
fn folder(plugin: &str, path: Option<&Path>, directory: &Path) -> PathBuf {
    match path {
        Some(path) => directory.join(path),
        None => directory.join("plugins").join(plugin),
    }
}

impl Found {
    fn add(&mut self, workspace: Workspace, plugin: &str, package: usize) {
        let root = workspace.root.clone();
        let (_, crates) = self
            .workspaces
            .entry(root)
            .or_insert((workspace, Vec::new()));
        let plugin = plugin.to_owned();
        crates.push(Crate { plugin, package });
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

/// The directive's `path` may name a library in place of a crate.
fn is_library(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| end == std::env::consts::DLL_EXTENSION)
}

/// The package that lies in `folder`.
fn at(workspace: &Workspace, folder: &Path) -> Result<usize, String> {
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let mut packages = workspace.packages.iter();
    packages
        .position(|package| package.folder == folder)
        .ok_or_else(|| format!("there is no package in `{}`", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_names_may_mend_what_it_says() {
        let said = "error: unclosed table, expected `]`\n --> ../part/Cargo.toml:1:9\nerror: failed to load manifest \
                    for workspace member `/site/tools/gen`\nfailed to read `/lib/far/Cargo.toml`";
        let wanted = Requested::from([("hello".to_owned(), None)]);
        let found = fix_candidates(&wanted, Path::new("/site"), "/site/Cargo.toml".into(), said);
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
