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

use self::find::{Requested, find, fix_candidates};
use self::sources::is_code;
use self::workspace_build::WorkspaceBuild;
use crate::load::manifest::{Directive, Level, Manifest};
use crate::load::watch::{Interest, PendingChanges};
use crate::serve::generation::{BuiltLibraries, LibraryBuildError, LibraryBuilder};

pub use self::cargo::{CargoOutput, Profile};
pub use self::process_guard::{ARGUMENT, main};

/// Builds the crates that a manifest's directives lead to.
#[derive(Debug)]
pub struct CrateBuilder {
    profile: Profile,
    output: CargoOutput,
    /// The plugins that were looked for last.
    wanted: Option<Requested>,
    /// One for each workspace.
    workspaces: Vec<WorkspaceBuild>,
    /// Every plugin that could be asked for.
    known: Vec<String>,
    /// Where a crate would be that is wanted, or could be mended.
    missing: BTreeSet<PathBuf>,
    /// Why the crates could not be found.
    find_error: Option<String>,
}

impl CrateBuilder {
    /// Builds in this profile.
    pub fn new(profile: Profile, output: CargoOutput) -> Self {
        Self {
            profile,
            output,
            wanted: None,
            workspaces: Vec::new(),
            known: Vec::new(),
            missing: BTreeSet::new(),
            find_error: None,
        }
    }

    /// Finds the crates; all are to be built.
    fn find_crates(&mut self, wanted: Requested, directory: &Path) {
        match find(&wanted, directory) {
            Ok(found) => {
                let workspaces = found.workspaces.values();
                self.workspaces = workspaces
                    .map(|(workspace, crates)| WorkspaceBuild::new(workspace, crates))
                    .collect();
                (self.known, self.missing, self.find_error) = (found.known, found.missing, None);
            }
            Err((manifest, reason)) => {
                self.missing = fix_candidates(&wanted, directory, manifest, &reason);
                self.find_error = Some(reason);
            }
        }
        self.wanted = Some(wanted);
    }

    /// Whether all of these were looked for.
    fn covers(&self, wanted: &Requested) -> bool {
        let known = self.wanted.as_ref();
        known.is_some_and(|known| {
            wanted
                .iter()
                .all(|(name, path)| known.get(name) == Some(path))
        })
    }

    async fn work(&mut self) -> Result<BuiltLibraries, String> {
        if let Some(reason) = &self.find_error {
            return Err(reason.clone());
        }
        for workspace in &mut self.workspaces {
            workspace.work(self.profile, self.output).await;
        }
        let failed: Vec<_> = self
            .workspaces
            .iter()
            .filter_map(WorkspaceBuild::failed)
            .collect();
        if !failed.is_empty() {
            return Err(failed.join("\n\n"));
        }
        Ok(BuiltLibraries {
            files: self
                .workspaces
                .iter()
                .flat_map(WorkspaceBuild::libraries)
                .collect(),
            known: self.known.clone(),
            warnings: self
                .workspaces
                .iter_mut()
                .flat_map(WorkspaceBuild::take_warnings)
                .collect(),
        })
    }
}

impl LibraryBuilder for CrateBuilder {
    fn survey(&mut self, manifest: &Manifest, directory: &Path, changed: &[PathBuf], force: bool) {
        let mut wanted = Requested::new();
        collect(&manifest.stack, &mut wanted);
        // Another order of the same plugins, or fewer of them, needs no cargo.
        let others = !self.covers(&wanted);
        let find_error = self.find_error.is_some();
        let come = changed.iter().any(|path| self.missing.contains(path));
        if force
            || others
            || find_error
            || come
            || !self
                .workspaces
                .iter()
                .all(WorkspaceBuild::metadata_is_current)
        {
            self.find_crates(wanted, directory);
            return;
        }
        for workspace in &mut self.workspaces {
            workspace.request(&wanted);
            workspace.check_external();
            changed.iter().for_each(|path| workspace.mark_changed(path));
        }
    }

    fn interest(&self) -> Interest {
        let missing = Interest::files(self.missing.iter().cloned());
        let workspaces = self.workspaces.iter().map(WorkspaceBuild::interest);
        workspaces.fold(missing, Interest::and)
    }

    fn ignores(&self, path: &Path) -> bool {
        self.workspaces
            .iter()
            .any(|workspace| workspace.ignores(path))
    }

    fn has_work(&self) -> bool {
        self.find_error.is_none() && self.workspaces.iter().any(WorkspaceBuild::has_work)
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
fn collect(level: &Level, wanted: &mut Requested) {
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
        let wanted = |plugins: &[(&str, Option<&str>)]| -> Requested {
            let plugins = plugins.iter();
            plugins
                .map(|(name, path)| ((*name).to_owned(), path.map(PathBuf::from)))
                .collect()
        };
        let output = CargoOutput {
            quiet: true,
            color: false,
        };
        let mut crates = CrateBuilder::new(Profile::Debug, output);
        assert!(!crates.covers(&wanted(&[])));
        let both = wanted(&[("a", None), ("b", Some("../b"))]);
        crates.wanted = Some(both.clone());
        assert!(crates.covers(&both) && crates.covers(&wanted(&[("b", Some("../b"))])));
        assert!(!crates.covers(&wanted(&[("b", None)])));
        assert!(!crates.covers(&wanted(&[("a", None), ("c", None)])));
    }
}
