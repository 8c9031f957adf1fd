//! Plugins that are crates in reach: found, and built with cargo.
//!
//! Knows nothing of how libraries are loaded.

mod cargo;
mod find;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::find::Found;
use crate::generation::{Brought, Libraries};
use crate::manifest::{Directive, Level, Manifest};

pub use self::cargo::Profile;

/// Builds the crates that a manifest's directives lead to.
#[derive(Debug)]
pub struct Crates {
    profile: Profile,
    quiet: bool,
    last: Option<Built>,
}

/// What was built last.
#[derive(Debug)]
struct Built {
    wanted: BTreeMap<String, Option<PathBuf>>,
    brought: Brought,
}

impl Crates {
    /// Builds in this profile; a quiet one shows cargo's errors only.
    pub fn new(profile: Profile, quiet: bool) -> Self {
        Self {
            profile,
            quiet,
            last: None,
        }
    }
}

impl Libraries for Crates {
    fn bring(
        &mut self,
        manifest: &Manifest,
        directory: &Path,
        force: bool,
    ) -> Result<Brought, String> {
        let mut wanted = BTreeMap::new();
        collect(&manifest.stack, &mut wanted);
        // Another order of the same plugins needs no cargo.
        if let Some(last) = self
            .last
            .as_ref()
            .filter(|last| !force && last.wanted == wanted)
        {
            return Ok(last.brought.clone());
        }
        let Found { crates, known } = find::find(&wanted, directory)?;
        let files = cargo::build(&crates, self.profile, self.quiet)?;
        let brought = Brought { files, known };
        self.last = Some(Built {
            wanted,
            brought: brought.clone(),
        });
        Ok(brought)
    }
}

/// Every plugin by name, with the crate's folder where its directive gives one.
fn collect(level: &Level, wanted: &mut BTreeMap<String, Option<PathBuf>>) {
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
