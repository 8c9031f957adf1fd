//! What guests mean for a reload: changes of their files, and candidates that wait for them.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

use log_text::one_line;

use super::Reloader;
use crate::load::watch::{ChangeSet, Tree};
use crate::serve::generation::refusal::{Refusal, task_failed};

/// After how many cancelled starts in a row guests are waited for.
const MAX_CANCELLED: u32 = 2;

/// So many changes within [`WHILE`] may be those of the guest itself.
const OFTEN: usize = 3;
const WHILE: Duration = Duration::from_secs(60);
const NOTE: &str = "\nnote: it is the third time within a minute. A file that the guest writes itself belongs in a `.gitignore`; or set \
    `watch = false` in the guest's config";

/// When the files of guests have changed, by their names.
#[derive(Debug, Default)]
pub(super) struct Outdated(HashMap<String, Vec<Instant>>);

impl Outdated {
    /// Notes a change. Returns whether there were many in a short time.
    fn is_often(&mut self, guest: &str, now: Instant) -> bool {
        let times = self.0.entry(guest.to_owned()).or_default();
        times.retain(|time| now.saturating_duration_since(*time) < WHILE);
        times.push(now);
        times.len() >= OFTEN
    }
}

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

    /// Looks whether the files of guests have changed; the log names one of those in `changed` for each guest.
    pub(super) async fn look_at_guests(
        &mut self,
        changed: Option<&ChangeSet>,
    ) -> Result<(), Refusal> {
        let Some(lent) = &self.lent else {
            return Ok(());
        };
        let (guests, looking) = (lent.guests.clone(), lent.guests.clone());
        let looked = tokio::task::spawn_blocking(move || looking.look_at_files()).await;
        looked.map_err(|error| task_failed(&error))?;
        let changed = changed.map_or(&[][..], |changed| &changed.paths);
        for (guest, file) in guests.outdated_by(changed) {
            let note = match self.outdated.is_often(&guest, Instant::now()) {
                true => NOTE,
                false => "",
            };
            let file = one_line(&file.to_string_lossy()).into_owned();
            tracing::info!(
                event = "guest",
                guest,
                state = "outdated",
                file,
                "`{file}` of the guest `{guest}` has changed: starting another process{note}"
            );
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn third_change_of_a_guest_within_a_minute_is_often() {
        let mut outdated = Outdated::default();
        let begun = Instant::now();
        let mut is_often =
            |guest: &str, second| outdated.is_often(guest, begun + Duration::from_secs(second));
        assert!(!is_often("app", 0) && !is_often("app", 30));
        assert!(!is_often("other", 31));
        assert!(is_often("app", 59));
        assert!(!is_often("app", 100), "two within the last minute");
    }
}
