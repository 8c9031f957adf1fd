//! One run of cargo for some crates of a workspace, and its output.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::artifacts::Artifacts;
use super::cargo::{Cargo, CargoOutput, Profile};
use super::messages::{Artifact, Diagnostic, Message, failure_text, with_root};
use super::metadata::Workspace;

pub(super) struct BuildRun<'a> {
    pub(super) workspace: &'a Workspace,
    /// Whether the manifest is in the workspace, so that paths relative to it are clear.
    pub(super) is_home: bool,
    /// The indexes of the packages to build.
    pub(super) packages: BTreeSet<usize>,
    /// The ids of packages whose copy is out of date, even if cargo calls the artifact fresh.
    pub(super) stale: BTreeSet<String>,
    /// Where the copies of the libraries are kept.
    pub(super) artifacts: &'a mut Artifacts,
}

#[derive(Debug, Default)]
pub(super) struct BuildOutput {
    pub(super) artifacts: Vec<Artifact>,
    /// The copies of the libraries, by package id.
    pub(super) libraries: BTreeMap<String, PathBuf>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Why it failed.
    pub(super) failure: Option<String>,
}

impl BuildRun<'_> {
    pub(super) async fn run(self, profile: &Profile, output: CargoOutput) -> BuildOutput {
        let packages = self.packages.iter();
        let packages: Vec<_> = packages.map(|&at| &self.workspace.packages[at]).collect();
        let ids: Vec<_> = packages.iter().map(|package| package.id.as_str()).collect();
        let names: Vec<_> = packages
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        let mut built = BuildOutput::default();
        let cargo = match Cargo::build(&self.workspace.root, &ids, profile, output) {
            Ok(cargo) => cargo,
            Err(failure) => {
                built.failure = Some(failure);
                return built;
            }
        };
        let mut copied = Ok(());
        let ended = cargo.run(|message| match message {
            Message::Artifact(artifact) => {
                // At once: when cargo has ended, another may replace the file.
                let is_new = !artifact.fresh || self.stale.contains(&artifact.package);
                let all = &self.workspace.packages;
                let package = all.iter().find(|one| one.id == artifact.package);
                let ours = is_new && !self.artifacts.is_foreign(&artifact);
                if let Some(package) = package.filter(|_| ours) {
                    match self.artifacts.keep(&artifact, &package.name) {
                        Ok(Some(copy)) => drop(built.libraries.insert(package.id.clone(), copy)),
                        Ok(None) => {}
                        Err(error) => copied = Err(error),
                    }
                }
                built.artifacts.push(artifact);
            }
            Message::Diagnostic(diagnostic) => built.diagnostics.push(diagnostic),
        });
        let ended = ended.await;
        if !self.is_home {
            locate(&mut built.diagnostics, self.workspace);
        }
        built.failure = match ended {
            Err(failure) => Some(failure),
            Ok((status, stderr)) if !status.success() => {
                Some(failure_text(&built.diagnostics, &stderr, &names))
            }
            Ok(_) => copied
                .err()
                .map(|error| format!("cannot copy a built library: {error}")),
        };
        built
    }
}

/// Adds to diagnostics which crate they are about.
fn locate(diagnostics: &mut [Diagnostic], workspace: &Workspace) {
    for diagnostic in diagnostics {
        let mut packages = workspace.packages.iter();
        let text = with_root(&diagnostic.rendered, &workspace.root);
        diagnostic.rendered = match packages.find(|package| package.id == diagnostic.package) {
            Some(package) => format!("{text}\n  in the crate `{}`", package.name),
            None => text,
        };
    }
}
