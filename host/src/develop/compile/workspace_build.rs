//! The crates of one workspace: what of them is out of date, and what was built of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::cargo::{Cargo, Profile, Show};
use super::find::{Crate, Wanted};
use super::messages::{Artifact, Message, Word, reason};
use super::metadata::{Workspace, real};
use super::sources::{Sources, named_in};
use crate::load::watch::Interest;

/// One run of cargo at a time, for the crates that need it.
#[derive(Debug)]
pub(super) struct Job {
    root: PathBuf,
    crates: Vec<Built>,
    /// Those of them that the manifest has now.
    wanted: BTreeSet<usize>,
    sources: Sources,
    /// What the files were that `cargo metadata` has read.
    read: Vec<(PathBuf, Option<Mark>)>,
    /// What the files elsewhere were that the crates were built of. They are known, and so watched, only after that.
    far: BTreeMap<PathBuf, Option<Mark>>,
    /// The crates to be built, once they are wanted.
    stale: BTreeSet<usize>,
    /// What all that were wanted then were made of together.
    parts: BTreeSet<PathBuf>,
    /// Whether they can only be built together.
    as_one: bool,
    /// Why they could not be built; nothing has changed since.
    failed: Option<String>,
    /// Files that could not be read then, wherever they are.
    unread: BTreeSet<PathBuf>,
    /// Warnings that a person has seen.
    shown: BTreeSet<String>,
    /// Warnings that nobody has seen yet.
    warnings: Vec<String>,
}

#[derive(Debug)]
struct Built {
    plugin: String,
    package: String,
    library: Option<PathBuf>,
}

/// What tells a changed file from an unchanged one.
type Mark = (u64, u64, i64, i64);

/// What a run has made.
#[derive(Debug, Default)]
struct Made {
    artifacts: Vec<Artifact>,
    words: Vec<Word>,
}

/// Why a run has made nothing.
#[derive(Debug)]
struct Failed {
    reason: String,
    unread: Vec<PathBuf>,
}

impl From<String> for Failed {
    fn from(reason: String) -> Self {
        let unread = Vec::new();
        Self { reason, unread }
    }
}

impl Job {
    /// All is wanted, and to be built.
    pub(super) fn new(workspace: &Workspace, crates: &[Crate]) -> Self {
        let built = |one: &Crate| Built {
            plugin: one.plugin.clone(),
            package: workspace.packages[one.package].name.clone(),
            library: None,
        };
        let sources = Sources::new(workspace, crates);
        let read = sources
            .for_all()
            .map(|path| (path.to_path_buf(), mark(path)));
        Self {
            root: workspace.root.clone(),
            crates: crates.iter().map(built).collect(),
            wanted: (0..crates.len()).collect(),
            read: read.collect(),
            sources,
            far: BTreeMap::new(),
            stale: (0..crates.len()).collect(),
            parts: BTreeSet::new(),
            as_one: false,
            failed: None,
            unread: BTreeSet::new(),
            shown: BTreeSet::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn interest(&self) -> Interest {
        let interest = self.sources.interest(&self.wanted);
        interest.and(Interest::files(self.unread.iter().cloned()))
    }

    /// Only crates of these plugins are to be built from now on. Nobody watches the others: one that is wanted
    /// again is for cargo to look at.
    pub(super) fn want(&mut self, plugins: &Wanted) {
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
    pub(super) fn is_as_read(&self) -> bool {
        self.read.iter().all(|(path, before)| mark(path) == *before)
    }

    /// The crates that this file is of are to be built.
    pub(super) fn touch(&mut self, path: &Path) {
        if self.has_made(path) {
            return;
        }
        if self.unread.contains(path) {
            self.failed = None;
        }
        let touched = self.sources.touched(path);
        if !touched.is_empty() {
            self.stale.extend(touched);
            self.failed = None;
        }
    }

    /// The crates are to be built whose files elsewhere have changed since.
    pub(super) fn look_far(&mut self) {
        let far = std::mem::take(&mut self.far);
        for (path, before) in &far {
            if mark(path) != *before {
                self.touch(path);
            }
        }
        self.far = far
            .into_keys()
            .map(|path| (path.clone(), mark(&path)))
            .collect();
    }

    /// Whether a change of this file is of no news: it is cargo's own doing, or nothing is built of it.
    pub(super) fn ignores(&self, path: &Path) -> bool {
        self.has_made(path) || (self.sources.holds(path) && self.sources.touched(path).is_empty())
    }

    fn has_made(&self, path: &Path) -> bool {
        let library = |one: &Built| one.library.as_deref() == Some(path);
        let lock = || *path == self.root.join("Cargo.lock") && self.is_as_read();
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
    pub(super) async fn work(&mut self, profile: Profile, show: Show) {
        while self.has_work() {
            let is_new = |at: &usize| self.crates[*at].library.is_none();
            let whole = self.as_one || self.wanted.iter().any(is_new);
            let which = match whole {
                true => self.wanted.clone(),
                false => &self.stale & &self.wanted,
            };
            let began = SystemTime::now();
            self.unread.clear();
            let built = self.build(&which, profile, show).await;
            let fits = |made: &Made| whole || self.parts_of(made).is_subset(&self.parts);
            match built {
                // Cargo turns on the features that any of the crates asks for, so these alone would be made of
                // other parts than with all the others, and in turn made anew with them.
                Ok(made) if !fits(&made) => self.as_one = true,
                Ok(made) => self.accept(&which, made, whole, began),
                Err(Failed { reason, unread }) => {
                    // What was missing may be any file.
                    which.iter().for_each(|at| self.sources.forget(*at));
                    self.unread = unread.iter().map(|path| self.root.join(path)).collect();
                    let unread = self
                        .unread
                        .iter()
                        .map(|path| (path.clone(), as_read(path, began)));
                    self.far.extend(unread);
                    self.failed = Some(reason);
                }
            }
        }
    }

    async fn build(
        &self,
        which: &BTreeSet<usize>,
        profile: Profile,
        show: Show,
    ) -> Result<Made, Failed> {
        let packages: Vec<_> = which
            .iter()
            .map(|&at| self.crates[at].package.as_str())
            .collect();
        let mut made = Made::default();
        let cargo = Cargo::build(&self.root, &packages, profile, show)?;
        let ended = cargo.run(|message| match message {
            Message::Artifact(artifact) => made.artifacts.push(artifact),
            Message::Word(word) => made.words.push(word),
        });
        let (status, stderr) = ended.await?;
        match status.success() {
            true => Ok(made),
            false => Err(Failed {
                reason: reason(&made.words, &stderr, &packages),
                unread: made
                    .words
                    .into_iter()
                    .filter_map(|word| word.unread)
                    .collect(),
            }),
        }
    }

    /// What was built of others than the crates themselves.
    fn parts_of(&self, made: &Made) -> BTreeSet<PathBuf> {
        let own = |artifact: &&Artifact| {
            self.crates
                .iter()
                .any(|one| one.package == artifact.package)
        };
        let parts = made.artifacts.iter().filter(|artifact| !own(artifact));
        parts.flat_map(|artifact| artifact.files.clone()).collect()
    }

    fn accept(&mut self, which: &BTreeSet<usize>, made: Made, whole: bool, began: SystemTime) {
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
                    let files = named_in(&dep_info).into_iter().map(real);
                    self.sources.built_of(at, files.collect());
                }
                Err(_) => self.sources.forget(at),
            }
            self.crates[at].library = Some(library);
        }
        self.stale.retain(|at| !which.contains(at));
        let read = |path: &PathBuf| (path.clone(), as_read(path, began));
        self.far = self.sources.elsewhere().map(read).collect();
        self.remember(made.words);
        let lock = self.root.join("Cargo.lock");
        if let Some((path, before)) = self.read.iter_mut().find(|(path, _)| *path == lock) {
            *before = mark(path);
        }
    }

    /// Cargo repeats the warnings of a crate that it does not build again: each is news once.
    fn remember(&mut self, words: Vec<Word>) {
        let said: BTreeSet<_> = words.into_iter().map(|word| word.rendered).collect();
        self.warnings.extend(said.difference(&self.shown).cloned());
        self.shown = said;
    }
}

fn library(made: &Made, package: &str) -> Option<PathBuf> {
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
fn as_read(path: &Path, since: SystemTime) -> Option<Mark> {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    let saved = written.is_ok_and(|written| written >= since);
    mark(path).filter(|_| !saved)
}

fn mark(path: &Path) -> Option<Mark> {
    let m = fs::metadata(path).ok()?;
    Some((m.ino(), m.len(), m.mtime(), m.mtime_nsec()))
}

#[cfg(test)]
#[path = "workspace_build_tests.rs"]
mod tests;
