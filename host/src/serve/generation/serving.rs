//! The active generation and what it was built from.

use std::sync::Arc;

use super::active::Active;
use super::drain::StackResources;
use super::hand_over::Heir;
use super::health::FailurePolicy;
use super::instance::Instance;
use super::life_call::Callee;
use super::matching::{Position, match_up, positions};
use super::resolve::Resolved;
use crate::load::manifest::{Diagnostic, Manifest};
use crate::serve::stack::{Outline, directives};
use crate::services::StoreSettings;

/// The active generation, with what the next reload compares to.
pub(super) struct Serving {
    pub(super) active: Arc<Active>,
    pub(super) manifest: Manifest,
    pub(super) outline: Outline,
    pub(super) resources: StackResources,
}

impl Serving {
    /// The instances that the next stack may reuse, each with its position.
    pub(super) fn instances(&self) -> Vec<(Position, Arc<Instance>)> {
        let instances = self.resources.instances.iter().cloned();
        positions(&self.manifest.stack)
            .into_iter()
            .zip(instances)
            .collect()
    }

    /// The instances that the next stack replaces by one of the same name, each with that one: in the same maps first, then
    /// anywhere, in the order of the stacks.
    pub(super) fn heirs(&self, next: &[Arc<Instance>], manifest: &Manifest) -> Vec<Heir> {
        let has = |all: &[Arc<Instance>], one: &Arc<Instance>| all.iter().any(|it| it.id == one.id);
        let own = &self.resources.instances;
        let mut old = self.instances();
        old.retain(|(_, instance)| !has(next, instance));
        let new = positions(&manifest.stack).into_iter().zip(next);
        let new: Vec<_> = new.filter(|(_, instance)| !has(own, instance)).collect();
        let old_names: Vec<_> = old
            .iter()
            .map(|(position, one)| (position.clone(), one.key.name.as_str()))
            .collect();
        let new_names: Vec<_> = new
            .iter()
            .map(|(position, one)| (position.clone(), one.key.name.as_str()))
            .collect();
        let found = match_up(&old_names, &new_names).into_iter().zip(&new);
        found
            .filter_map(|(at, (_, after))| {
                Some(Heir {
                    before: Callee::of(&old.get(at?)?.1),
                    after: Callee::of(after),
                })
            })
            .collect()
    }

    /// Whether one of its instances has a guest whose files have changed.
    pub(super) fn has_outdated_guest(&self) -> bool {
        let mut instances = self.resources.instances.iter();
        instances.any(|instance| instance.handler.has_outdated_guest())
    }

    /// Whether a candidate would be the same as the active generation.
    pub(super) fn is(&self, resolved: &Resolved, manifest: &Manifest) -> bool {
        let keys = directives(&manifest.stack)
            .into_iter()
            .zip(&resolved.handlers)
            .map(|(directive, chosen)| chosen.key(directive));
        let old = &self.manifest;
        self.outline == resolved.outline
            && old.limits == manifest.limits
            && old.server.trusted_proxies == manifest.server.trusted_proxies
            && old.failures == manifest.failures
            && old.renewal == manifest.renewal
            && old.store == manifest.store
            && old.log == manifest.log
            && old.dev == manifest.dev
            && old.metrics == manifest.metrics
            && keys.eq(self.resources.instances.iter().map(|one| one.key.clone()))
    }
}

/// Starts the tasks that `init` has spawned.
pub(super) fn start_tasks(instances: &[Arc<Instance>]) {
    instances.iter().for_each(|one| one.tasks.start());
}

/// Applies `[failures]` and `on_failure` of the manifest to instances, including those that are reused.
pub(super) fn apply_policy(instances: &[Arc<Instance>], manifest: &Manifest) {
    for (instance, directive) in instances.iter().zip(directives(&manifest.stack)) {
        let policy = FailurePolicy::new(&manifest.failures, directive.on_failure);
        instance.health.apply_policy(policy);
    }
}

/// A warning about settings that a reload can't change, since they belong to the process.
pub(super) fn fixed(serving: &Serving, new: &Manifest) -> Option<Diagnostic> {
    // The placeholder has no sockets of its own.
    if serving.active.load().number == 0 {
        return None;
    }
    let old = &serving.manifest;
    let message = if old.server.listen != new.server.listen {
        "`listen` has changed; the open sockets stay as they are until a restart"
    } else if old.limits.connections != new.limits.connections {
        "`connections` has changed; the number stays as it is until a restart"
    } else if let (StoreSettings::Memory { bytes: old }, StoreSettings::Memory { bytes: new }) =
        (&old.store, &new.store)
        && old != new
    {
        "`memory` of `[store]` has changed; the store stays as it is until a restart"
    } else {
        return None;
    };
    let span = new.server.listen_span(0).unwrap_or_default();
    Some(Diagnostic::warning(span, message))
}
