//! The crates of one workspace: which are out of date, and the libraries that were built of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::artifacts::{Artifacts, FileStamp, invalidate, stamp};
use super::build_run::{BuildOutput, BuildRun};
use super::cargo::{CargoOutput, Profile};
use super::contents::{Change, Contents, Run};
use super::features::Features;
use super::find::{Crate, Requested};
use super::messages::{Artifact, Diagnostic};
use super::metadata::{Workspace, canonical};
use super::sources::{Sources, parse_dep_info};
use super::warnings::Warnings;
use crate::load::watch::{Interest, files_of};
use crate::serve::generation::PluginRef;

/// One run of cargo at a time, for all crates that the manifest has now: the same features for each build.
#[derive(Debug)]
pub(super) struct WorkspaceBuild {
    workspace: Workspace,
    /// Whether the manifest is in the workspace, so that paths relative to it are clear.
    is_home: bool,
    crates: Vec<CrateState>,
    /// Those of them that the manifest has now.
    wanted: BTreeSet<usize>,
    sources: Sources,
    contents: Contents,
    artifacts: Artifacts,
    /// The files that `cargo metadata` read, as they were then.
    metadata_inputs: Vec<(PathBuf, Option<FileStamp>)>,
    /// Files that are known only since the last build, and so were not watched during it, as it read them.
    unwatched: BTreeMap<PathBuf, Option<FileStamp>>,
    /// Crates that are out of date.
    stale: BTreeSet<usize>,
    /// Packages with sources that changed without a newer time, so that cargo would not build them.
    unnoticed: BTreeSet<usize>,
    last_run: Option<Run>,
    last_artifacts: Vec<Artifact>,
    /// Why the last build failed, until something changes.
    failure: Option<String>,
    /// The files that the errors of the last build name.
    named: BTreeSet<PathBuf>,
    warnings: Warnings,
}

#[derive(Debug)]
struct CrateState {
    plugin: PluginRef,
    /// The index of the package in the workspace.
    package: usize,
    library: Option<PathBuf>,
}

impl WorkspaceBuild {
    /// All crates are wanted and out of date. `directory` is the manifest's.
    pub(super) fn new(
        workspace: &Workspace,
        crates: &[Crate],
        directory: &Path,
        profile: &Profile,
    ) -> Self {
        let state = |one: &Crate| CrateState {
            plugin: one.plugin.clone(),
            package: one.package,
            library: None,
        };
        let sources = Sources::new(workspace, crates);
        let read = sources.workspace_files();
        let read = read.map(|path| (path.to_path_buf(), stamp(path)));
        Self {
            metadata_inputs: read.collect(),
            is_home: canonical(directory).starts_with(&workspace.root),
            crates: crates.iter().map(state).collect(),
            wanted: (0..crates.len()).collect(),
            sources,
            contents: Contents::default(),
            artifacts: Artifacts::open(workspace, profile),
            workspace: workspace.clone(),
            unwatched: BTreeMap::new(),
            stale: (0..crates.len()).collect(),
            unnoticed: BTreeSet::new(),
            last_run: None,
            last_artifacts: Vec::new(),
            failure: None,
            named: BTreeSet::new(),
            warnings: Warnings::default(),
        }
    }

    pub(super) fn interest(&self) -> Interest {
        let interest = self.sources.interest(&self.wanted);
        interest.and(Interest::files(self.named.iter().cloned()))
    }

    /// Builds only the crates of these plugins from now on. The others are not watched, so they are out of date.
    pub(super) fn request(&mut self, plugins: &Requested) {
        let is_wanted = |at: &usize| plugins.contains(&self.crates[*at].plugin);
        let wanted: BTreeSet<_> = (0..self.crates.len()).filter(is_wanted).collect();
        if wanted == self.wanted {
            return;
        }
        for &at in self.wanted.difference(&wanted) {
            self.sources.forget(at);
            self.stale.insert(at);
        }
        // The crate that failed may not be wanted any more.
        self.failure = None;
        self.wanted = wanted;
    }

    /// Whether `cargo metadata` would return the same.
    pub(super) fn metadata_is_current(&self) -> bool {
        let mut inputs = self.metadata_inputs.iter();
        inputs.all(|(path, before)| stamp(path) == *before)
    }

    /// Marks the crates out of date that depend on a file which may have changed.
    pub(super) fn mark_changed(&mut self, path: &Path) {
        let affected = self.sources.affected(path);
        let is_named = self.named.contains(path);
        if self.is_own_output(path) || (affected.is_empty() && !is_named) {
            return;
        }
        let retry = self.failure.is_some();
        match self.contents.note(path, self.last_run, retry) {
            Change::Nothing => return,
            Change::Loop => {
                let file = path.display();
                tracing::warn!(
                    event = "build-loop",
                    "`{file}` changes in every build, so it leads to no further build until it is saved\n\
                     help: have the build write it only if its content differs, or write it to `OUT_DIR`"
                );
                return;
            }
            Change::Saved => {}
        }
        if self.looks_old(path) {
            self.unnoticed.extend(self.owners(path, &affected));
        }
        self.stale.extend(affected);
        self.failure = None;
    }

    /// Whether cargo, which compares times, would take a changed file for one that it has built.
    fn looks_old(&self, path: &Path) -> bool {
        let written = fs::metadata(path).and_then(|metadata| metadata.modified());
        let run = self.last_run.filter(|run| run.finished);
        run.is_some_and(|run| written.is_ok_and(|written| written < run.began))
    }

    /// The packages that a file belongs to: the one around it, else all that these crates depend on.
    fn owners(&self, path: &Path, crates: &BTreeSet<usize>) -> BTreeSet<usize> {
        let packages = self.workspace.packages.iter();
        let around = self
            .sources
            .package_dir(path)
            .and_then(|folder| packages.clone().position(|one| one.folder == folder));
        match around {
            Some(package) => [package].into(),
            None => {
                let roots = crates.iter().map(|&at| self.crates[at].package);
                roots
                    .flat_map(|root| self.workspace.closure(root))
                    .collect()
            }
        }
    }

    /// Marks the crates out of date whose newly known files changed since the last build, and those whose library is gone.
    pub(super) fn check_unwatched(&mut self) {
        for (path, before) in std::mem::take(&mut self.unwatched) {
            if stamp(&path) != before {
                self.mark_changed(&path);
            }
        }
        let gone = |one: &CrateState| one.library.as_ref().is_some_and(|file| !file.exists());
        let crates = self.crates.iter().zip(0..);
        let gone = crates.filter(|(one, _)| gone(one)).map(|(_, at)| at);
        self.stale.extend(gone);
    }

    /// Whether a change of this file leads to no build.
    pub(super) fn ignores(&self, path: &Path) -> bool {
        self.is_own_output(path)
            || (self.sources.contains_file(path) && self.sources.affected(path).is_empty())
    }

    fn is_own_output(&self, path: &Path) -> bool {
        let library = |one: &CrateState| one.library.as_deref() == Some(path);
        let lock = || *path == self.workspace.root.join("Cargo.lock") && self.metadata_is_current();
        self.crates.iter().any(library) || lock()
    }

    /// Each wanted plugin that was built, with its library.
    pub(super) fn libraries(&self) -> impl Iterator<Item = (PluginRef, PathBuf)> {
        let wanted = self.wanted.iter().map(|&at| &self.crates[at]);
        wanted.filter_map(|one| Some((one.plugin.clone(), one.library.clone()?)))
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Whether cargo has something to do.
    pub(super) fn has_work(&self) -> bool {
        !self.stale.is_disjoint(&self.wanted) && self.failure.is_none()
    }

    /// The compiler's warnings that were not reported yet.
    pub(super) fn take_warnings(&mut self) -> Vec<String> {
        self.warnings.take()
    }

    /// The contents to compare with while a build runs.
    pub(super) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Brings the wanted crates up to date. If it is dropped, they stay out of date.
    pub(super) async fn build(&mut self, profile: &Profile, output: CargoOutput) {
        if !self.has_work() {
            return;
        }
        let began = SystemTime::now();
        // For a build that is interrupted.
        self.last_run = Some(Run {
            began,
            ended: began + std::time::Duration::from_secs(86400),
            finished: false,
        });
        self.named.clear();
        self.invalidate_unnoticed();
        let mut built = self.run_cargo(profile, output).await;
        let foreign = self.foreign(&built.artifacts);
        if !foreign.is_empty() {
            invalidate(&foreign);
            built = self.run_cargo(profile, output).await;
        }
        self.last_run = Some(Run {
            began,
            ended: SystemTime::now(),
            finished: true,
        });
        match built.failure.take() {
            None => self.accept(built, began),
            Some(failure) => self.fail(failure, &built.diagnostics, began),
        }
        self.artifacts.save();
    }

    /// Has cargo build packages whose changes it would not notice.
    fn invalidate_unnoticed(&mut self) {
        let packages = std::mem::take(&mut self.unnoticed).into_iter();
        let ids: BTreeSet<_> = packages
            .map(|at| self.workspace.packages[at].id.as_str())
            .collect();
        let artifacts = self.last_artifacts.iter();
        let theirs = artifacts.filter(|artifact| ids.contains(artifact.package.as_str()));
        invalidate(theirs.flat_map(|artifact| &artifact.files));
    }

    /// The files of packages in this workspace that cargo found up to date, but that another workspace may have made.
    fn foreign(&self, artifacts: &[Artifact]) -> Vec<PathBuf> {
        let root = &self.workspace.root;
        let packages = self.workspace.packages.iter();
        let local: BTreeSet<_> = packages
            .filter(|package| package.folder.starts_with(root))
            .map(|package| package.id.as_str())
            .collect();
        // The copies of crates that are up to date hold, whatever became of the artifact.
        let current = self.wanted.difference(&self.stale);
        let current = current.filter(|at| self.crates[**at].library.is_some());
        let current: BTreeSet<_> = current.map(|&at| self.id(at)).collect();
        let is_foreign = |artifact: &&Artifact| {
            let package = artifact.package.as_str();
            let kept = artifact.is_plugin && current.contains(package);
            local.contains(package) && !kept && self.artifacts.is_foreign(artifact)
        };
        let foreign: BTreeSet<_> = artifacts
            .iter()
            .filter(is_foreign)
            .map(|artifact| artifact.package.as_str())
            .collect();
        let theirs = artifacts
            .iter()
            .filter(|artifact| foreign.contains(artifact.package.as_str()));
        theirs.flat_map(|artifact| artifact.files.clone()).collect()
    }

    async fn run_cargo(&mut self, profile: &Profile, output: CargoOutput) -> BuildOutput {
        let packages = self.wanted.iter().map(|&at| self.crates[at].package);
        let stale = self.stale.iter().map(|&at| self.id(at).to_owned());
        let run = BuildRun {
            packages: packages.collect(),
            stale: stale.collect(),
            workspace: &self.workspace,
            is_home: self.is_home,
            artifacts: &mut self.artifacts,
        };
        run.run(profile, output).await
    }

    fn id(&self, at: usize) -> &str {
        &self.workspace.packages[self.crates[at].package].id
    }

    fn fail(&mut self, failure: String, diagnostics: &[Diagnostic], began: SystemTime) {
        // A file that was missing may be any.
        for at in self.wanted.clone() {
            self.sources.forget(at);
        }
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error);
        let named = errors.flat_map(|error| &error.files);
        let root = &self.workspace.root;
        self.named = named.map(|path| root.join(path)).collect();
        let unwatched = self.named.iter();
        let unwatched = unwatched.map(|path| (path.clone(), stamp_as_read(path, began)));
        self.unwatched.extend(unwatched.collect::<Vec<_>>());
        self.failure = Some(failure);
    }

    fn accept(&mut self, built: BuildOutput, began: SystemTime) {
        let mut new_inputs = BTreeSet::new();
        for at in self.wanted.clone() {
            let package = &self.workspace.packages[self.crates[at].package];
            if let Some(library) = built.libraries.get(&package.id) {
                self.crates[at].library = Some(library.clone());
            } else if self.crates[at].library.is_none() {
                self.failure = Some(no_library(&package.name));
                return;
            }
            let artifacts = built.artifacts.iter();
            let mut artifacts = artifacts.filter(|artifact| artifact.package == package.id);
            let library = artifacts.find_map(Artifact::library);
            let dep_info = library.map(|library| library.with_extension("d"));
            let dep_info = dep_info.and_then(|path| fs::read_to_string(path).ok());
            let files = dep_info
                .map(|text| parse_dep_info(&text))
                .unwrap_or_default();
            // Another workspace may have replaced it.
            let is_ours = |file: &PathBuf| canonical(file).starts_with(&package.folder);
            if files.iter().any(is_ours) {
                let real: Vec<_> = files.iter().map(canonical).collect();
                let new = self
                    .sources
                    .record(at, files.into_iter().chain(real).collect());
                new_inputs.extend(new);
            } else {
                self.sources.forget(at);
            }
        }
        self.note_unwatched(new_inputs, began);
        self.warn_of_features(&built.artifacts);
        let wanted = self.wanted.clone();
        self.stale.retain(|at| !wanted.contains(at));
        self.warnings.compiled(built.diagnostics);
        self.last_artifacts = built.artifacts;
        let lock = self.workspace.root.join("Cargo.lock");
        let mut inputs = self.metadata_inputs.iter_mut();
        if let Some((path, before)) = inputs.find(|(path, _)| *path == lock) {
            *before = stamp(path);
        }
    }

    /// Notes inputs that were not watched during the build: those that no tree has by their place.
    fn note_unwatched(&mut self, inputs: BTreeSet<PathBuf>, began: SystemTime) {
        if inputs.is_empty() {
            return;
        }
        let trees = self.sources.interest(&self.wanted).trees;
        let watched: Vec<_> = trees.iter().map(files_of).collect();
        let unwatched = inputs
            .into_iter()
            .filter(|path| !watched.iter().any(|files| files.contains(path)));
        self.unwatched.extend(unwatched.map(|path| {
            let stamp = stamp_as_read(&path, began);
            (path, stamp)
        }));
    }

    /// Warns of a crate that seems to use a feature which only its neighbours turn on.
    fn warn_of_features(&mut self, artifacts: &[Artifact]) {
        let mut features = Features::new();
        for artifact in artifacts {
            let all = features.entry(artifact.package.clone()).or_default();
            all.extend(artifact.features.iter().cloned());
        }
        for &at in self.stale.intersection(&self.wanted) {
            let package = &self.workspace.packages[self.crates[at].package];
            let missing = self.workspace.features.missing(&package.id, &features);
            if missing.is_empty() {
                continue;
            }
            let own = self.sources.inputs_of(at);
            let own = own.filter(|file| file.starts_with(&package.folder));
            let sources: Vec<_> = own
                .filter_map(|file| fs::read_to_string(file).ok())
                .collect();
            self.warnings.features(package, missing, &sources);
        }
    }
}

fn no_library(package: &str) -> String {
    format!(
        "the crate `{package}` builds no dynamic library\nhelp: its Cargo.toml needs\n\n    [lib]\n    \
         crate-type = [\"cdylib\"]\n"
    )
}

/// The stamp of a file that was read since then; none if it was written since: it may have been read before.
fn stamp_as_read(path: &Path, since: SystemTime) -> Option<FileStamp> {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    let written_since = written.is_ok_and(|written| written >= since);
    stamp(path).filter(|_| !written_since)
}

#[cfg(test)]
#[path = "workspace_build_tests.rs"]
mod tests;
