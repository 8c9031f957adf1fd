//! The warnings of builds, each reported once.

use std::collections::BTreeSet;

use super::features::{MissingFeature, mentions};
use super::messages::Diagnostic;
use super::metadata::Package;

#[derive(Debug, Default)]
pub(super) struct Warnings {
    /// What the compiler said at the last build.
    compiled: BTreeSet<String>,
    /// What was reported about features.
    features: BTreeSet<String>,
    /// To report.
    new: Vec<String>,
}

impl Warnings {
    /// Those that were not reported yet.
    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.new)
    }

    /// Notes a build's warnings. Cargo repeats those of crates that it does not build again.
    pub(super) fn compiled(&mut self, diagnostics: Vec<Diagnostic>) {
        let all: BTreeSet<_> = diagnostics.into_iter().map(|one| one.rendered).collect();
        let new = all.difference(&self.compiled).cloned();
        self.new.extend(new);
        self.compiled = all;
    }

    /// Notes features that only other crates turn on, where the crate's sources seem to use them.
    pub(super) fn features(
        &mut self,
        package: &Package,
        missing: BTreeSet<MissingFeature>,
        sources: &[String],
    ) {
        let used = missing.into_iter().filter(|missing| {
            sources
                .iter()
                .any(|source| mentions(source, &missing.feature))
        });
        for MissingFeature {
            dependency,
            feature,
        } in used
        {
            let warning = format!(
                "warning: the crate `{}` seems to use the feature `{feature}` of `{dependency}`, which only other \
                 crates turn on: it does not build by itself\nhelp: add `features = [\"{feature}\"]` to `{dependency}` \
                 in `{}`",
                package.name,
                package.folder.join("Cargo.toml").display(),
            );
            if self.features.insert(warning.clone()) {
                self.new.push(warning);
            }
        }
    }
}
