//! What `cargo metadata` says about a workspace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use serde_json::Value;

use super::cargo::command;
use super::features::FeatureGraph;

/// The local packages of a workspace and their dependencies.
#[derive(Debug, Clone, Default)]
pub(super) struct Workspace {
    pub(super) root: PathBuf,
    /// Cargo's target directory.
    pub(super) target: PathBuf,
    pub(super) packages: Vec<Package>,
    pub(super) features: FeatureGraph,
}

/// A package whose sources are on this machine.
#[derive(Debug, Clone)]
pub(super) struct Package {
    /// The id, as in cargo's messages; also what `--package` takes.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) folder: PathBuf,
    /// The name of the dynamic library that it builds, if it builds one.
    pub(super) library: Option<String>,
    /// Whether it has a build script, which may read any file.
    pub(super) has_build_script: bool,
    /// Whether it is a member of the workspace.
    pub(super) is_member: bool,
    /// The local packages that its build needs.
    pub(super) dependencies: Vec<usize>,
}

impl Workspace {
    /// Reads the workspace of the package in `folder`.
    ///
    /// # Errors
    ///
    /// Cargo's message.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let mut whole = vec!["metadata", "--format-version=1"];
        whole.extend(
            host_triple()
                .map(|triple| ["--filter-platform", triple])
                .into_iter()
                .flatten(),
        );
        let output = cargo(folder, &whole)?;
        if output.status.success() {
            return parse(&output.stdout);
        }
        // A dependency that cannot be downloaded now may not be needed.
        let own = cargo(folder, &["metadata", "--format-version=1", "--no-deps"])?;
        if own.status.success() {
            return parse(&own.stdout);
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "cargo cannot read the crate in `{}`:\n{stderr}",
            folder.display()
        ))
    }

    /// The package and all local packages that it depends on, itself first.
    pub(super) fn closure(&self, package: usize) -> Vec<usize> {
        let mut all = vec![package];
        let mut at = 0;
        while let Some(package) = all.get(at).and_then(|&at| self.packages.get(at)) {
            for need in &package.dependencies {
                if !all.contains(need) {
                    all.push(*need);
                }
            }
            at += 1;
        }
        all
    }
}

fn cargo(folder: &Path, arguments: &[&str]) -> Result<Output, String> {
    command()
        .args(arguments)
        .current_dir(folder)
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))
}

/// The host's target triple: dependencies for other systems need not be downloaded.
fn host_triple() -> Option<&'static str> {
    static TRIPLE: OnceLock<Option<String>> = OnceLock::new();
    let ask = || {
        let output = command().arg("-vV").output().ok()?;
        let version = String::from_utf8(output.stdout).ok()?;
        version
            .lines()
            .find_map(|line| Some(line.strip_prefix("host: ")?.to_owned()))
    };
    TRIPLE.get_or_init(ask).as_deref()
}

fn parse(json: &[u8]) -> Result<Workspace, String> {
    let metadata: Value = serde_json::from_slice(json)
        .map_err(|error| format!("cannot parse the output of `cargo metadata`: {error}"))?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let members = list(&metadata["workspace_members"]);
    let all = list(&metadata["packages"]);
    let here: Vec<_> = all
        .iter()
        .filter(|package| package["source"].is_null())
        .collect();
    let by_id: BTreeMap<_, _> = here
        .iter()
        .zip(0..)
        .map(|(package, at)| (package["id"].as_str(), at))
        .collect();
    let mut packages: Vec<_> = here.iter().map(|package| read(package, &members)).collect();
    let nodes = list(&metadata["resolve"]["nodes"]);
    for node in &nodes {
        let Some(&at) = by_id.get(&node["id"].as_str()) else {
            continue;
        };
        let needed = list(&node["deps"]).into_iter().filter(is_needed);
        packages[at].dependencies = needed
            .filter_map(|dep| by_id.get(&dep["pkg"].as_str()).copied())
            .collect();
    }
    if nodes.is_empty() {
        // Without the resolved graph, the paths in the packages' own dependencies.
        for (at, package) in here.iter().enumerate() {
            let needed = list(&package["dependencies"])
                .into_iter()
                .filter(|dep| dep["kind"] != "dev");
            let folders: Vec<_> = needed
                .filter_map(|dep| Some(canonical(dep["path"].as_str()?)))
                .collect();
            packages[at].dependencies = folders
                .iter()
                .filter_map(|folder| {
                    packages
                        .iter()
                        .position(|package| package.folder == *folder)
                })
                .collect();
        }
    }
    let place = |key: &str| canonical(metadata[key].as_str().unwrap_or_default());
    Ok(Workspace {
        root: place("workspace_root"),
        target: place("target_directory"),
        packages,
        features: FeatureGraph::read(&metadata),
    })
}

fn read(package: &Value, members: &[Value]) -> Package {
    let with = |key: &str, word: &str| {
        let targets = package["targets"].as_array();
        let mut targets = targets.into_iter().flatten();
        let has = |target: &&Value| {
            let mut words = target[key].as_array().into_iter().flatten();
            words.any(|found| found == word)
        };
        targets.find(has)
    };
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let library = with("crate_types", "cdylib");
    let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
    Package {
        id: text("id"),
        name: text("name"),
        folder: canonical(manifest.parent().unwrap_or(manifest)),
        library: library.and_then(|target| Some(target["name"].as_str()?.to_owned())),
        has_build_script: with("kind", "custom-build").is_some(),
        is_member: members.contains(&package["id"]),
        dependencies: Vec::new(),
    }
}

/// Whether a dependency is needed to build, not only to test.
fn is_needed(dep: &Value) -> bool {
    let kinds = dep["dep_kinds"].as_array();
    kinds.is_none_or(|kinds| kinds.iter().any(|kind| kind["kind"] != "dev"))
}

/// The path without links and dots, as in the watcher's events.
pub(super) fn canonical(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, kind: &str) -> Value {
        json!({
            "name": name, "id": name, "source": null, "manifest_path": format!("/w/{name}/Cargo.toml"),
            "targets": [{ "name": name, "crate_types": [kind] }],
        })
    }

    fn node(id: &str, deps: &[(&str, Option<&str>)]) -> Value {
        let dep = |(id, kind): &(&str, Option<&str>)| json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] });
        json!({ "id": id, "deps": deps.iter().map(dep).collect::<Vec<_>>() })
    }

    #[test]
    fn closure_has_transitive_dependencies_but_no_dev_ones() {
        let nodes = [
            node(
                "app",
                &[("part", None), ("serde", None), ("lint", Some("dev"))],
            ),
            node("part", &[("deep", Some("build"))]),
            node("deep", &[("part", None)]),
            node("lint", &[]),
        ];
        let mut serde = package("serde", "lib");
        serde["source"] = "registry".into();
        let metadata = json!({
            "workspace_root": "/w", "target_directory": "/w/target", "workspace_members": ["app"],
            "packages": [serde, package("app", "cdylib"), package("part", "lib"), package("deep", "lib"),
                package("lint", "lib")],
            "resolve": { "nodes": nodes },
        });
        let workspace = parse(metadata.to_string().as_bytes()).unwrap();
        let app = &workspace.packages[0];
        assert!(
            app.library.as_deref() == Some("app")
                && app.id == "app"
                && app.is_member
                && !workspace.packages[1].is_member
        );
        let names = workspace
            .closure(0)
            .into_iter()
            .map(|at| workspace.packages[at].name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["app", "part", "deep"]);
    }

    #[test]
    fn closure_follows_paths_without_a_resolved_graph() {
        let mut app = package("app", "cdylib");
        app["dependencies"] = json!([
            { "name": "part", "kind": null, "path": "/w/part" },
            { "name": "lint", "kind": "dev", "path": "/w/lint" },
            { "name": "serde", "kind": null },
        ]);
        let metadata = json!({
            "workspace_root": "/w", "target_directory": "/w/target", "workspace_members": [],
            "packages": [app, package("part", "lib"), package("lint", "lib")], "resolve": null,
        });
        let workspace = parse(metadata.to_string().as_bytes()).unwrap();
        assert_eq!(workspace.closure(0), [0, 1]);
    }
}
