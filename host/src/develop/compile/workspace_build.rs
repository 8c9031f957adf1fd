//! The crates of one workspace: what of them is out of date, and what was built of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::cargo::{Cargo, CargoOutput, Profile};
use super::find::{Crate, Requested};
use super::messages::{Artifact, Diagnostic, Message, failure_text};
use super::metadata::{Workspace, canonical};
use super::sources::{Sources, parse_dep_info};
use crate::load::watch::Interest;

/// One run of cargo at a time, for the crates that need it.
#[derive(Debug)]
pub(super) struct WorkspaceBuild {
    root: PathBuf,
    crates: Vec<CrateState>,
    /// Those of them that the manifest has now.
    wanted: BTreeSet<usize>,
    sources: Sources,
    /// What the files were that `cargo metadata` has read.
    read: Vec<(PathBuf, Option<FileStamp>)>,
    /// What the files elsewhere were that the crates were built of. They are known, and so watched, only after that.
    external: BTreeMap<PathBuf, Option<FileStamp>>,
    /// The crates to be built, once they are wanted.
    stale: BTreeSet<usize>,
    /// What all that were wanted then were made of together.
    parts: BTreeSet<PathBuf>,
    /// Whether they can only be built together.
    always_whole: bool,
    /// Why they could not be built; nothing has changed since.
    failed: Option<String>,
    /// Files that could not be read then, wherever they are.
    unreadable: BTreeSet<PathBuf>,
    /// Warnings that a person has seen.
    shown: BTreeSet<String>,
    /// Warnings that nobody has seen yet.
    warnings: Vec<String>,
}

#[derive(Debug)]
struct CrateState {
    plugin: String,
    package: String,
    library: Option<PathBuf>,
}

/// What tells a changed file from an unchanged one.
type FileStamp = (u64, u64, i64, i64);

/// What a run has made.
#[derive(Debug, Default)]
struct Output {
    artifacts: Vec<Artifact>,
    diagnostics: Vec<Diagnostic>,
}

/// Why a run has made nothing.
#[derive(Debug)]
struct Failed {
    reason: String,
    unreadable: Vec<PathBuf>,
}

impl From<String> for Failed {
    fn from(reason: String) -> Self {
        let unreadable = Vec::new();
        Self { reason, unreadable }
    }
}

impl WorkspaceBuild {
    /// All is wanted, and to be built.
    pub(super) fn new(workspace: &Workspace, crates: &[Crate]) -> Self {
        let built = |one: &Crate| CrateState {
            plugin: one.plugin.clone(),
            package: workspace.packages[one.package].name.clone(),
            library: None,
        };
        let sources = Sources::new(workspace, crates);
        let read = sources
            .workspace_files()
            .map(|path| (path.to_path_buf(), stamp(path)));
        Self {
            root: workspace.root.clone(),
            crates: crates.iter().map(built).collect(),
            wanted: (0..crates.len()).collect(),
            read: read.collect(),
            sources,
            external: BTreeMap::new(),
            stale: (0..crates.len()).collect(),
            parts: BTreeSet::new(),
            always_whole: false,
            failed: None,
            unreadable: BTreeSet::new(),
            shown: BTreeSet::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn interest(&self) -> Interest {
        let interest = self.sources.interest(&self.wanted);
        interest.and(Interest::files(self.unreadable.iter().cloned()))
    }

    /// Only crates of these plugins are to be built from now on. Nobody watches the others: one that is wanted
    /// again is for cargo to look at.
    pub(super) fn request(&mut self, plugins: &Requested) {
        let is_wanted = |at: &usize| plugins.contains_key(&self.crates[*at].plugin);
        let wanted: BTreeSet<_> = (0..self.crates.len()).filter(is_wanted).collect();
        if wanted == self.wanted {
            return;
        }
        for &at in self.wanted.difference(&wanted) {
            self.sources.forget(at);
            self.stale.insert(at);
        }
        // It may have been for one that is not wanted any more.
        self.failed = None;
        self.wanted = wanted;
    }

    /// Whether `cargo metadata` would say what it said.
    pub(super) fn metadata_is_current(&self) -> bool {
        self.read
            .iter()
            .all(|(path, before)| stamp(path) == *before)
    }

    /// The crates that this file is of are to be built.
    pub(super) fn mark_changed(&mut self, path: &Path) {
        if self.is_own_output(path) {
            return;
        }
        if self.unreadable.contains(path) {
            self.failed = None;
        }
        let affected = self.sources.affected(path);
        if !affected.is_empty() {
            self.stale.extend(affected);
            self.failed = None;
        }
    }

    /// The crates are to be built whose files elsewhere have changed since.
    pub(super) fn check_external(&mut self) {
        let external = std::mem::take(&mut self.external);
        for (path, before) in &external {
            if stamp(path) != *before {
                self.mark_changed(path);
            }
        }
        self.external = external
            .into_keys()
            .map(|path| (path.clone(), stamp(&path)))
            .collect();
    }

    /// Whether a change of this file is of no news: it is cargo's own doing, or nothing is built of it.
    pub(super) fn ignores(&self, path: &Path) -> bool {
        self.is_own_output(path)
            || (self.sources.contains_file(path) && self.sources.affected(path).is_empty())
    }

    fn is_own_output(&self, path: &Path) -> bool {
        let library = |one: &CrateState| one.library.as_deref() == Some(path);
        let lock = || *path == self.root.join("Cargo.lock") && self.metadata_is_current();
        self.crates.iter().any(library) || lock()
    }

    /// Each plugin that was built, with its library.
    pub(super) fn libraries(&self) -> impl Iterator<Item = (String, PathBuf)> {
        let wanted = self.wanted.iter().map(|&at| &self.crates[at]);
        wanted.filter_map(|one| Some((one.plugin.clone(), one.library.clone()?)))
    }

    pub(super) fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Whether cargo has something to do.
    pub(super) fn has_work(&self) -> bool {
        !self.stale.is_disjoint(&self.wanted) && self.failed.is_none()
    }

    /// What the compiler warns of and nobody was told yet.
    pub(super) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Builds what is out of date. Dropped, it leaves all of it out of date.
    pub(super) async fn work(&mut self, profile: Profile, output: CargoOutput) {
        while self.has_work() {
            let is_new = |at: &usize| self.crates[*at].library.is_none();
            let whole = self.always_whole || self.wanted.iter().any(is_new);
            let which = match whole {
                true => self.wanted.clone(),
                false => &self.stale & &self.wanted,
            };
            let began = SystemTime::now();
            self.unreadable.clear();
            let built = self.build(&which, profile, output).await;
            let fits = |made: &Output| whole || self.parts_of(made).is_subset(&self.parts);
            match built {
                // Cargo turns on the features that any of the crates asks for, so these alone would be made of
                // other parts than with all the others, and in turn made anew with them.
                Ok(made) if !fits(&made) => self.always_whole = true,
                Ok(made) => self.accept(&which, made, whole, began),
                Err(Failed { reason, unreadable }) => {
                    // What was missing may be any file.
                    which.iter().for_each(|at| self.sources.forget(*at));
                    self.unreadable = unreadable.iter().map(|path| self.root.join(path)).collect();
                    let unreadable = self
                        .unreadable
                        .iter()
                        .map(|path| (path.clone(), stamp_as_read(path, began)));
                    self.external.extend(unreadable);
                    self.failed = Some(reason);
                }
            }
        }
    }

    async fn build(
        &self,
        which: &BTreeSet<usize>,
        profile: Profile,
        output: CargoOutput,
    ) -> Result<Output, Failed> {
        let packages: Vec<_> = which
            .iter()
            .map(|&at| self.crates[at].package.as_str())
            .collect();
        let mut made = Output::default();
        let cargo = Cargo::build(&self.root, &packages, profile, output)?;
        let ended = cargo.run(|message| match message {
            Message::Artifact(artifact) => made.artifacts.push(artifact),
            Message::Diagnostic(word) => made.diagnostics.push(word),
        });
        let (status, stderr) = ended.await?;
        match status.success() {
            true => Ok(made),
            false => Err(Failed {
                reason: failure_text(&made.diagnostics, &stderr, &packages),
                unreadable: made
                    .diagnostics
                    .into_iter()
                    .filter_map(|word| word.unreadable)
                    .collect(),
            }),
        }
    }

    /// What was built of others than the crates themselves.
    fn parts_of(&self, made: &Output) -> BTreeSet<PathBuf> {
        let own = |artifact: &&Artifact| {
            self.crates
                .iter()
                .any(|one| one.package == artifact.package)
        };
        let parts = made.artifacts.iter().filter(|artifact| !own(artifact));
        parts.flat_map(|artifact| artifact.files.clone()).collect()
    }

    fn accept(&mut self, which: &BTreeSet<usize>, made: Output, whole: bool, began: SystemTime) {
        if whole {
            self.parts = self.parts_of(&made);
        }
        for &at in which {
            let package = &self.crates[at].package;
            let Some(library) = library(&made, package) else {
                self.failed = Some(no_library(package));
                return;
            };
            match fs::read_to_string(library.with_extension("d")) {
                Ok(dep_info) => {
                    let files = parse_dep_info(&dep_info).into_iter().map(canonical);
                    self.sources.inputs(at, files.collect());
                }
                Err(_) => self.sources.forget(at),
            }
            self.crates[at].library = Some(library);
        }
        self.stale.retain(|at| !which.contains(at));
        let read = |path: &PathBuf| (path.clone(), stamp_as_read(path, began));
        self.external = self.sources.external_files().map(read).collect();
        self.remember(made.diagnostics);
        let lock = self.root.join("Cargo.lock");
        if let Some((path, before)) = self.read.iter_mut().find(|(path, _)| *path == lock) {
            *before = stamp(path);
        }
    }

    /// Cargo repeats the warnings of a crate that it does not build again: each is news once.
    fn remember(&mut self, diagnostics: Vec<Diagnostic>) {
        let said: BTreeSet<_> = diagnostics.into_iter().map(|word| word.rendered).collect();
        self.warnings.extend(said.difference(&self.shown).cloned());
        self.shown = said;
    }
}

fn library(made: &Output, package: &str) -> Option<PathBuf> {
    let mut artifacts = made.artifacts.iter();
    let artifact = artifacts.find(|artifact| artifact.is_plugin && artifact.package == package)?;
    let is_library = |file: &&PathBuf| {
        file.extension()
            .is_some_and(|end| end == std::env::consts::DLL_EXTENSION)
    };
    artifact.files.iter().find(is_library).cloned()
}

fn no_library(package: &str) -> String {
    format!(
        "the crate `{package}` builds no dynamic library: its Cargo.toml needs\n\n    [lib]\n    \
         crate-type = [\"cdylib\"]\n"
    )
}

/// What a file is that was read since then; none for one that was saved meanwhile: it may have been read before.
fn stamp_as_read(path: &Path, since: SystemTime) -> Option<FileStamp> {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    let saved = written.is_ok_and(|written| written >= since);
    stamp(path).filter(|_| !saved)
}

fn stamp(path: &Path) -> Option<FileStamp> {
    let m = fs::metadata(path).ok()?;
    Some((m.ino(), m.len(), m.mtime(), m.mtime_nsec()))
}

#[cfg(test)]
#[path = "workspace_build_tests.rs"]
mod tests;
