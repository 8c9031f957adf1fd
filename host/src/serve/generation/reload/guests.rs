//! What guests mean for a reload: changes of their files, and candidates that wait for them.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::pin::pin;

use super::Reloader;
use crate::load::watch::{ChangeSet, Tree};
use crate::serve::generation::refusal::{Refusal, task_failed};

/// After how many cancelled starts in a row guests are waited for.
const MAX_CANCELLED: u32 = 2;

impl Reloader {
    /// Awaits a candidate. If a file changes while its guests start, they are not waited for; the second value says so.
    pub(super) async fn unless_guests_are_outdated<T>(
        &self,
        building: impl Future<Output = T>,
    ) -> (T, bool) {
        let guests = self.lent.as_ref().map(|lent| &lent.guests);
        // A guest that changes its own files at each start still gets ready.
        let Some(guests) = guests.filter(|_| self.cancelled < MAX_CANCELLED) else {
            return (building.await, false);
        };
        let mut building = pin!(building);
        tokio::select! {
            biased;
            built = &mut building => return (built, false),
            () = self.builds.changed_matching(|path| !self.is_ignored(path)) => {}
        }
        guests.cancel_starts();
        (building.await, true)
    }

    /// Looks whether the files of guests have changed.
    pub(super) async fn look_at_guests(&self) -> Result<(), Refusal> {
        let Some(lent) = &self.lent else {
            return Ok(());
        };
        let guests = lent.guests.clone();
        let looked = tokio::task::spawn_blocking(move || guests.look_at_files()).await;
        looked.map_err(|error| task_failed(&error))
    }

    /// The directories whose changes outdate a guest.
    pub(super) fn guest_trees(&self) -> BTreeSet<Tree> {
        let lent = self.lent.iter();
        let roots = lent.flat_map(|lent| lent.guests.watched());
        roots.map(Tree::whole).collect()
    }

    /// Whether all that has changed leads to no other stack.
    pub(super) fn is_echo(&self, changed: &ChangeSet) -> bool {
        changed.paths.iter().all(|path| self.is_ignored(path))
    }

    /// Whether a change of this file leads to no other stack.
    fn is_ignored(&self, path: &Path) -> bool {
        let guests = self.lent.as_ref().map(|lent| &lent.guests);
        let no_source = guests.is_some_and(|guests| guests.ignores(path));
        let own = self.loader.own_files();
        !own.iter().any(|one| one == path) && (self.builds.ignores(path) || no_source)
    }
}
