//! Plugins that are crates in reach: found, watched, and built with cargo.
//!
//! Knows nothing of how libraries are loaded.

mod cargo;
mod find;
mod messages;
mod metadata;
mod process_guard;
mod sources;
mod workspace_build;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use self::find::{Wanted, find, mendable};
use self::sources::is_code;
use self::workspace_build::Job;
use crate::load::manifest::{Directive, Level, Manifest};
use crate::load::watch::{Interest, PendingChanges};
use crate::serve::generation::{BuiltLibraries, LibraryBuildError, LibraryBuilder};

pub use self::cargo::{Profile, Show};
pub use self::process_guard::{ARGUMENT, main};

/// Builds the crates that a manifest's directives lead to.
#[derive(Debug)]
pub struct Crates {
    profile: Profile,
    show: Show,
    /// The plugins that were looked for last.
    wanted: Option<Wanted>,
    /// One for each workspace.
    jobs: Vec<Job>,
    /// Every plugin that could be asked for.
    known: Vec<String>,
    /// Where a crate would be that is wanted, or could be mended.
    hoped_for: BTreeSet<PathBuf>,
    /// Why the crates could not be found.
    lost: Option<String>,
}

impl Crates {
    /// Builds in this profile.
    pub fn new(profile: Profile, show: Show) -> Self {
        Self {
            profile,
            show,
            wanted: None,
            jobs: Vec::new(),
            known: Vec::new(),
            hoped_for: BTreeSet::new(),
            lost: None,
        }
    }

    /// Finds the crates; all are to be built.
    fn look_for(&mut self, wanted: Wanted, directory: &Path) {
        match find(&wanted, directory) {
            Ok(found) => {
                let workspaces = found.workspaces.values();
                self.jobs = workspaces
                    .map(|(workspace, crates)| Job::new(workspace, crates))
                    .collect();
                (self.known, self.hoped_for, self.lost) = (found.known, found.hoped_for, None);
            }
            Err((manifest, reason)) => {
                self.hoped_for = mendable(&wanted, directory, manifest, &reason);
                self.lost = Some(reason);
            }
        }
        self.wanted = Some(wanted);
    }

    /// Whether all of these were looked for.
    fn knows(&self, wanted: &Wanted) -> bool {
        let known = self.wanted.as_ref();
        known.is_some_and(|known| {
            wanted
                .iter()
                .all(|(name, path)| known.get(name) == Some(path))
        })
    }

    async fn work(&mut self) -> Result<BuiltLibraries, String> {
        if let Some(reason) = &self.lost {
            return Err(reason.clone());
        }
        for job in &mut self.jobs {
            job.work(self.profile, self.show).await;
        }
        let failed: Vec<_> = self.jobs.iter().filter_map(Job::failed).collect();
        if !failed.is_empty() {
            return Err(failed.join("\n\n"));
        }
        Ok(BuiltLibraries {
            files: self.jobs.iter().flat_map(Job::libraries).collect(),
            known: self.known.clone(),
            warnings: self.jobs.iter_mut().flat_map(Job::take_warnings).collect(),
        })
    }
}

impl LibraryBuilder for Crates {
    fn survey(&mut self, manifest: &Manifest, directory: &Path, changed: &[PathBuf], force: bool) {
        let mut wanted = Wanted::new();
        collect(&manifest.stack, &mut wanted);
        // Another order of the same plugins, or fewer of them, needs no cargo.
        let others = !self.knows(&wanted);
        let lost = self.lost.is_some();
        let come = changed.iter().any(|path| self.hoped_for.contains(path));
        if force || others || lost || come || !self.jobs.iter().all(Job::is_as_read) {
            self.look_for(wanted, directory);
            return;
        }
        for job in &mut self.jobs {
            job.want(&wanted);
            job.look_far();
            changed.iter().for_each(|path| job.touch(path));
        }
    }

    fn interest(&self) -> Interest {
        let hoped_for = Interest::files(self.hoped_for.iter().cloned());
        let jobs = self.jobs.iter().map(Job::interest);
        jobs.fold(hoped_for, Interest::and)
    }

    fn ignores(&self, path: &Path) -> bool {
        self.jobs.iter().any(|job| job.ignores(path))
    }

    fn has_work(&self) -> bool {
        self.lost.is_none() && self.jobs.iter().any(Job::has_work)
    }

    fn build<'a>(
        &'a mut self,
        pending: &'a PendingChanges,
    ) -> Pin<Box<dyn Future<Output = Result<BuiltLibraries, LibraryBuildError>> + Send + 'a>> {
        Box::pin(async move {
            tokio::select! {
                biased;
                // The work is dropped, with all that cargo has begun. Other files, as what cargo makes or an app
                // writes, are looked at when it has ended: else it might never.
                () = pending.changed_matching(is_code) => Err(LibraryBuildError::Outdated),
                built = self.work() => built.map_err(LibraryBuildError::Failed),
            }
        })
    }
}

/// Every plugin by name, with the crate's folder where its directive gives one.
fn collect(level: &Level, wanted: &mut Wanted) {
    let mut add = |directive: &Directive| {
        let entry = wanted.entry(directive.plugin.clone()).or_default();
        if entry.is_none() {
            entry.clone_from(&directive.path);
        }
    };
    level.uses.iter().for_each(&mut add);
    level.run.iter().for_each(&mut add);
    level
        .maps
        .iter()
        .for_each(|map| collect(&map.level, wanted));
    level
        .cascade
        .iter()
        .flatten()
        .for_each(|tried| collect(&tried.level, wanted));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_plugins_are_known_and_others_are_not() {
        let wanted = |plugins: &[(&str, Option<&str>)]| -> Wanted {
            let plugins = plugins.iter();
            plugins
                .map(|(name, path)| ((*name).to_owned(), path.map(PathBuf::from)))
                .collect()
        };
        let show = Show {
            quiet: true,
            color: false,
        };
        let mut crates = Crates::new(Profile::Debug, show);
        assert!(!crates.knows(&wanted(&[])));
        let both = wanted(&[("a", None), ("b", Some("../b"))]);
        crates.wanted = Some(both.clone());
        assert!(crates.knows(&both) && crates.knows(&wanted(&[("b", Some("../b"))])));
        assert!(!crates.knows(&wanted(&[("b", None)])));
        assert!(!crates.knows(&wanted(&[("a", None), ("c", None)])));
    }
}
