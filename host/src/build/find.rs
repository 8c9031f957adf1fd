//! Which plugin is which crate: a `path`, a member of the workspace, or a folder `plugins/NAME`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A crate to build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Crate {
    /// The plugin, as the manifest names it.
    pub(super) plugin: String,
    /// The package, as cargo names it.
    pub(super) package: String,
    /// The root of the workspace that it is built in.
    pub(super) workspace: PathBuf,
}

/// The crates to build, and all that could have been asked for.
pub(super) struct Found {
    pub(super) crates: Vec<Crate>,
    pub(super) known: Vec<String>,
}

/// Finds the crates of those plugins that have one in reach. The others are libraries already.
///
/// # Errors
///
/// When cargo can't read a crate that is there.
pub(super) fn find(
    wanted: &BTreeMap<String, Option<PathBuf>>,
    directory: &Path,
) -> Result<Found, String> {
    let mut found = Vec::new();
    let mut here: Option<Workspace> = None;
    for (plugin, path) in wanted {
        if let Some(path) = path {
            let folder = directory.join(path);
            if folder.join("Cargo.toml").is_file() {
                found.push(Workspace::read(&folder)?.at(&folder, plugin)?);
            }
            continue;
        }
        if here.is_none() && in_a_package(directory) {
            here = Some(Workspace::read(directory)?);
        }
        if let Some(workspace) = here.as_ref().filter(|workspace| workspace.has(plugin)) {
            found.push(workspace.member(plugin, plugin));
            continue;
        }
        let folder = directory.join("plugins").join(plugin);
        if folder.join("Cargo.toml").is_file() {
            found.push(Workspace::read(&folder)?.at(&folder, plugin)?);
        }
    }
    let known = here.map(Workspace::into_plugins).unwrap_or_default();
    Ok(Found {
        crates: found,
        known,
    })
}

fn in_a_package(directory: &Path) -> bool {
    directory
        .ancestors()
        .any(|folder| folder.join("Cargo.toml").is_file())
}

/// A package of a workspace.
struct Member {
    name: String,
    folder: PathBuf,
    /// Whether it builds a dynamic library.
    is_plugin: bool,
}

/// What `cargo metadata` tells of a workspace.
struct Workspace {
    root: PathBuf,
    members: Vec<Member>,
}

impl Workspace {
    fn read(folder: &Path) -> Result<Self, String> {
        let output = Command::new(super::cargo::program())
            .args(["metadata", "--format-version=1", "--no-deps"])
            .current_dir(folder)
            .output()
            .map_err(|error| format!("cargo could not be run: {error}"))?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "cargo can't read the crate in `{}`:\n{told}",
                folder.display()
            ));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("cargo's metadata can't be read: {error}"))?;
        let members = metadata["packages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|package| {
                let manifest = Path::new(package["manifest_path"].as_str()?);
                let mut kinds = package["targets"]
                    .as_array()?
                    .iter()
                    .flat_map(|target| target["crate_types"].as_array().into_iter().flatten());
                Some(Member {
                    name: package["name"].as_str()?.to_owned(),
                    folder: manifest.parent()?.to_path_buf(),
                    is_plugin: kinds.any(|kind| kind == "cdylib"),
                })
            });
        let root = metadata["workspace_root"]
            .as_str()
            .unwrap_or_default()
            .into();
        Ok(Self {
            root,
            members: members.collect(),
        })
    }

    fn into_plugins(self) -> Vec<String> {
        let plugins = self.members.into_iter().filter(|member| member.is_plugin);
        plugins.map(|member| member.name).collect()
    }

    fn has(&self, package: &str) -> bool {
        self.members.iter().any(|member| member.name == package)
    }

    fn member(&self, plugin: &str, package: &str) -> Crate {
        Crate {
            plugin: plugin.to_owned(),
            package: package.to_owned(),
            workspace: self.root.clone(),
        }
    }

    /// The package that lies in `folder`.
    fn at(&self, folder: &Path, plugin: &str) -> Result<Crate, String> {
        let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        let same = |path: &PathBuf| std::fs::canonicalize(path).is_ok_and(|path| path == folder);
        self.members
            .iter()
            .find(|member| same(&member.folder))
            .map(|member| self.member(plugin, &member.name))
            .ok_or_else(|| format!("there is no package in `{}`", folder.display()))
    }
}
