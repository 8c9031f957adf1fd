//! The features that a package turns on by itself, and those that only its neighbours turn on for it. Pure.
//!
//! Cargo builds the packages of one run with the union of their features. A crate that uses a feature which only another
//! crate asks for builds as long as the two are built together, and no longer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Features by package id.
pub(super) type Features = BTreeMap<String, BTreeSet<String>>;

/// The packages of a resolved workspace with their features and dependencies.
#[derive(Debug, Clone, Default)]
pub(super) struct FeatureGraph {
    packages: BTreeMap<String, Node>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    name: String,
    /// Each feature with the features and dependencies that it turns on.
    features: BTreeMap<String, Vec<String>>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone)]
struct Dependency {
    /// Its name in the package's Cargo.toml.
    name: String,
    package: String,
    features: Vec<String>,
    default: bool,
    optional: bool,
}

/// A feature that a package lacks when it is built by itself.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MissingFeature {
    /// The name of the dependency that has it.
    pub(super) dependency: String,
    pub(super) feature: String,
}

impl FeatureGraph {
    /// Reads the output of `cargo metadata`; empty without a resolved graph.
    pub(super) fn read(metadata: &Value) -> Self {
        // Dependencies by package and by the name that code uses.
        let mut resolved: BTreeMap<(String, String), String> = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            for dependency in list(&node["deps"]) {
                let key = (text(&node["id"]), text(&dependency["name"]));
                resolved.insert(key, text(&dependency["pkg"]));
            }
        }
        let mut packages = BTreeMap::new();
        for package in list(&metadata["packages"]) {
            let id = text(&package["id"]);
            let features = package["features"].as_object().into_iter().flatten();
            let needed = list(&package["dependencies"]).iter();
            let needed = needed.filter(|dependency| dependency["kind"] != "dev");
            let dependencies = needed.filter_map(|dependency| {
                let name = dependency["rename"].as_str();
                let name = name.or(dependency["name"].as_str())?;
                let key = (id.clone(), name.replace('-', "_"));
                Some(Dependency {
                    name: name.to_owned(),
                    package: resolved.get(&key).cloned()?,
                    features: strings(&dependency["features"]),
                    default: dependency["uses_default_features"] != false,
                    optional: dependency["optional"] == true,
                })
            });
            let node = Node {
                name: text(&package["name"]),
                dependencies: dependencies.collect(),
                features: features
                    .map(|(name, turns_on)| (name.clone(), strings(turns_on)))
                    .collect(),
            };
            packages.insert(id, node);
        }
        Self { packages }
    }

    /// The features of all packages if `package` is built by itself.
    pub(super) fn alone(&self, package: &str) -> Features {
        let mut on = Features::new();
        let mut todo = vec![(package.to_owned(), vec!["default".to_owned()])];
        while let Some((id, mut features)) = todo.pop() {
            let Some(node) = self.packages.get(&id) else {
                continue;
            };
            if !on.contains_key(&id) {
                let needed = node.dependencies.iter();
                let needed = needed.filter(|dependency| !dependency.optional);
                todo.extend(needed.map(Dependency::request));
            }
            let enabled = on.entry(id).or_default();
            while let Some(feature) = features.pop() {
                let turned_on = node.features.get(&feature);
                if !enabled.insert(feature) {
                    continue;
                }
                for feature in turned_on.into_iter().flatten() {
                    let (name, inner) = match feature.split_once('/') {
                        Some((name, inner)) => (Some(name.trim_end_matches('?')), Some(inner)),
                        None => (feature.strip_prefix("dep:"), None),
                    };
                    let Some(name) = name else {
                        features.push(feature.clone());
                        continue;
                    };
                    let named = node.dependencies.iter();
                    for dependency in named.filter(|dependency| dependency.name == name) {
                        let (id, mut asked) = dependency.request();
                        asked.extend(inner.map(str::to_owned));
                        todo.push((id, asked));
                    }
                }
            }
        }
        on
    }

    /// Features of the direct dependencies of `package` that it was `built` with and lacks by itself.
    pub(super) fn missing(&self, package: &str, built: &Features) -> BTreeSet<MissingFeature> {
        let alone = self.alone(package);
        let node = self.packages.get(package);
        let mut missing = BTreeSet::new();
        for dependency in node.into_iter().flat_map(|node| &node.dependencies) {
            let id = &dependency.package;
            let both = alone.get(id).zip(built.get(id));
            let Some(((own, built), node)) = both.zip(self.packages.get(id)) else {
                continue;
            };
            let features = built.difference(own);
            let features = features.filter(|feature| *feature != "default");
            missing.extend(features.map(|feature| MissingFeature {
                dependency: node.name.clone(),
                feature: feature.clone(),
            }));
        }
        missing
    }
}

impl Dependency {
    /// What its package asks of it.
    fn request(&self) -> (String, Vec<String>) {
        let mut features = self.features.clone();
        if self.default {
            features.push("default".to_owned());
        }
        (self.package.clone(), features)
    }
}

/// Whether `source` uses `feature` as a word, as in a path or a macro. Comments do not count.
pub(super) fn mentions(source: &str, feature: &str) -> bool {
    let word = feature.replace('-', "_");
    let lines = source.lines().map(str::trim_start);
    lines.filter(|line| !line.starts_with("//")).any(|line| {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|found| found == word)
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn strings(value: &Value) -> Vec<String> {
    list(value).iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn graph() -> FeatureGraph {
        let dependency = |name: &str, features: &[&str]| json!({ "name": name, "kind": null, "features": features, "uses_default_features": true, "optional": false });
        let package = |id: &str, dependencies: Value, features: Value| json!({ "id": id, "name": id, "dependencies": dependencies, "features": features });
        let node = |id: &str, deps: &[&str]| {
            let deps = deps.iter().map(|id| json!({ "name": id, "pkg": id }));
            json!({ "id": id, "deps": deps.collect::<Vec<_>>() })
        };
        let mut optional = dependency("runtime", &[]);
        optional["optional"] = true.into();
        let features =
            json!({ "default": ["json"], "json": [], "tokio": ["dep:runtime", "runtime/full"] });
        FeatureGraph::read(&json!({
            "packages": [
                package("a", json!([dependency("plugin", &["tokio"])]), json!({})),
                package("b", json!([dependency("plugin", &[])]), json!({})),
                package("c", json!([dependency("plugin", &[]), dependency("a", &[])]), json!({})),
                package("plugin", json!([optional]), features),
                package("runtime", json!([]), json!({ "full": [] })),
            ],
            "resolve": { "nodes": [
                node("a", &["plugin"]), node("b", &["plugin"]), node("c", &["plugin", "a"]),
                node("plugin", &["runtime"]), node("runtime", &[]),
            ] },
        }))
    }

    #[test]
    fn features_of_neighbours_are_missing_alone() {
        let graph = graph();
        let built = graph.alone("a");
        let expected = ["default", "json", "tokio"].map(str::to_owned);
        assert_eq!(built["plugin"], expected.into());
        assert!(built["runtime"].contains("full"));
        assert!(graph.missing("a", &built).is_empty());
        let missing = graph.missing("b", &built);
        let names = missing.iter();
        let names = names.map(|one| (one.dependency.as_str(), one.feature.as_str()));
        assert_eq!(names.collect::<Vec<_>>(), [("plugin", "tokio")]);
        let by_dependency = graph.missing("c", &built);
        assert!(by_dependency.is_empty(), "{by_dependency:?}");
    }

    #[test]
    fn feature_is_mentioned_as_a_word_outside_of_comments() {
        assert!(mentions("stackup_plugin::export!(tokio; app A);", "tokio"));
        assert!(mentions("use x::rt_multi::Y;", "rt-multi"));
        assert!(!mentions("// tokio\nlet tokio_like = 1;", "tokio"));
    }
}
