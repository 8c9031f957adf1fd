//! Plugins that are crates: finds them, has their sources watched, and builds them with cargo.
//!
//! It does not know how libraries are loaded.

mod artifacts;
mod build_run;
mod cargo;
mod contents;
mod features;
mod find;
mod messages;
mod metadata;
mod process_guard;
mod sources;
mod warnings;
mod whole_lines;
mod workspace_build;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use self::contents::Contents;
use self::find::{Requested, find, fix_candidates};
use self::sources::is_code;
use self::workspace_build::WorkspaceBuild;
use crate::load::manifest::{Directive, Level, Manifest};
use crate::load::watch::{Interest, PendingChanges};
use crate::serve::generation::{BuiltLibraries, LibraryBuildError, LibraryBuilder, PluginRef};

pub use self::cargo::{CargoOutput, Profile};
pub use self::process_guard::{ARGUMENT, main};

/// After so many interrupted builds in a row, one may finish: its own files may be what interrupts it.
const MAX_INTERRUPTIONS: u8 = 2;

/// Builds the crates of a manifest's plugins.
#[derive(Debug)]
pub struct CrateBuilder {
    profile: Profile,
    output: CargoOutput,
    /// The plugins of the last search for crates.
    wanted: Option<Requested>,
    workspaces: Vec<WorkspaceBuild>,
    /// All plugins of the manifest's workspace.
    known: Vec<String>,
    /// Each `Cargo.toml` that is missing, or may fix `find_error`.
    missing: BTreeSet<PathBuf>,
    /// Why the crates could not be found.
    find_error: Option<String>,
    /// So many builds in a row were interrupted.
    interruptions: u8,
}

impl CrateBuilder {
    /// A builder with this profile.
    pub fn new(profile: Profile, output: CargoOutput) -> Self {
        Self {
            profile,
            output,
            wanted: None,
            workspaces: Vec::new(),
            known: Vec::new(),
            missing: BTreeSet::new(),
            find_error: None,
            interruptions: 0,
        }
    }

    /// Finds the crates; all are out of date then.
    fn find_crates(&mut self, wanted: Requested, directory: &Path) {
        match find(&wanted, directory) {
            Ok(found) => {
                let workspaces = found.workspaces.values();
                self.workspaces = workspaces
                    .map(|(workspace, crates)| {
                        WorkspaceBuild::new(workspace, crates, directory, &self.profile)
                    })
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

    /// Whether the last search was for all of these plugins.
    fn covers(&self, wanted: &Requested) -> bool {
        let known = self.wanted.as_ref();
        known.is_some_and(|known| wanted.is_subset(known))
    }

    async fn build_all(&mut self) -> Result<BuiltLibraries, String> {
        if let Some(reason) = &self.find_error {
            return Err(reason.clone());
        }
        for workspace in &mut self.workspaces {
            workspace.build(&self.profile, self.output).await;
        }
        let workspaces = self.workspaces.iter();
        let failures: Vec<_> = workspaces.filter_map(WorkspaceBuild::failure).collect();
        if !failures.is_empty() {
            return Err(failures.join("\n\n"));
        }
        let libraries = self.workspaces.iter().flat_map(WorkspaceBuild::libraries);
        let files = libraries.collect();
        let workspaces = self.workspaces.iter_mut();
        Ok(BuiltLibraries {
            files,
            known: self.known.clone(),
            warnings: workspaces.flat_map(WorkspaceBuild::take_warnings).collect(),
        })
    }
}

impl LibraryBuilder for CrateBuilder {
    fn survey(&mut self, manifest: &Manifest, directory: &Path, changed: &[PathBuf], force: bool) {
        let mut wanted = Requested::new();
        collect(&manifest.stack, &mut wanted);
        // The parents of a relative path are known only if it is absolute.
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
        let is_new = !self.covers(&wanted);
        let failed = self.find_error.is_some();
        let appeared = changed.iter().any(|path| self.missing.contains(path));
        let mut workspaces = self.workspaces.iter();
        let current = workspaces.all(WorkspaceBuild::metadata_is_current);
        // The same plugins in another order, or fewer of them, need no cargo.
        if force || is_new || failed || appeared || !current {
            self.find_crates(wanted, &directory);
            return;
        }
        for workspace in &mut self.workspaces {
            workspace.request(&wanted);
            workspace.check_unwatched();
            changed.iter().for_each(|path| workspace.mark_changed(path));
        }
    }

    fn interest(&self) -> Interest {
        let missing = Interest::files(self.missing.iter().cloned());
        let workspaces = self.workspaces.iter().map(WorkspaceBuild::interest);
        workspaces.fold(missing, Interest::and)
    }

    fn ignores(&self, path: &Path) -> bool {
        let mut workspaces = self.workspaces.iter();
        workspaces.any(|workspace| workspace.ignores(path))
    }

    fn has_work(&self) -> bool {
        self.find_error.is_none() && self.workspaces.iter().any(WorkspaceBuild::has_work)
    }

    fn build<'a>(
        &'a mut self,
        pending: &'a PendingChanges,
    ) -> Pin<Box<dyn Future<Output = Result<BuiltLibraries, LibraryBuildError>> + Send + 'a>> {
        let contents: Vec<_> = self
            .workspaces
            .iter()
            .map(WorkspaceBuild::contents)
            .cloned()
            .collect();
        let may_interrupt = self.interruptions < MAX_INTERRUPTIONS;
        // Other files, such as those that cargo or an app writes, wait until the build has ended.
        let interrupts = move |path: &Path| {
            let is_new = |contents: &Contents| contents.interrupts(path);
            is_code(path) && may_interrupt && contents.iter().all(is_new)
        };
        Box::pin(async move {
            let built = tokio::select! {
                biased;
                // This drops the build, and with it cargo.
                () = pending.changed_matching(interrupts) => None,
                built = self.build_all() => Some(built),
            };
            match built {
                None => {
                    self.interruptions += 1;
                    Err(LibraryBuildError::Outdated)
                }
                Some(built) => {
                    self.interruptions = 0;
                    built.map_err(LibraryBuildError::Failed)
                }
            }
        })
    }
}

/// Collects the plugins of all directives.
fn collect(level: &Level, wanted: &mut Requested) {
    let mut add = |directive: &Directive| {
        wanted.insert(PluginRef::of(directive));
    };
    level.uses.iter().for_each(&mut add);
    level.run.iter().for_each(&mut add);
    let maps = level.maps.iter().map(|map| &map.level);
    let cascade = level.cascade.iter().flatten().map(|branch| &branch.level);
    maps.chain(cascade).for_each(|below| collect(below, wanted));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_plugins_are_covered_and_others_are_not() {
        let plugin = |(name, path): &(&str, Option<&str>)| PluginRef {
            plugin: (*name).to_owned(),
            path: path.map(PathBuf::from),
        };
        let wanted = |plugins: &[(&str, Option<&str>)]| -> Requested {
            plugins.iter().map(plugin).collect()
        };
        let output = CargoOutput {
            quiet: true,
            color: false,
        };
        let mut crates = CrateBuilder::new(Profile::dev(), output);
        assert!(!crates.covers(&wanted(&[])));
        let both = wanted(&[("a", None), ("b", Some("../b"))]);
        crates.wanted = Some(both.clone());
        assert!(crates.covers(&both) && crates.covers(&wanted(&[("b", Some("../b"))])));
        assert!(!crates.covers(&wanted(&[("b", None)])));
        assert!(!crates.covers(&wanted(&[("b", Some("../c"))])));
        assert!(!crates.covers(&wanted(&[("a", None), ("c", None)])));
    }
}
