//! Before a swap somebody may look at both generations.

use super::Reloader;
use crate::serve::generation::generations::NextGeneration;
use crate::serve::generation::report::StageTimer;
use crate::serve::generation::serving::start_tasks;
use crate::serve::observe::UnreportedSwap;

impl Reloader {
    /// Shows the observer `next`, which is about to replace the active generation, if it wants to see it.
    pub(super) async fn observe_swap(
        &self,
        next: &NextGeneration,
        timer: &mut StageTimer<'_>,
    ) -> Option<UnreportedSwap> {
        let observer = self.swap_observer.as_ref()?;
        let active = self.generations.serving.as_ref()?.active.load();
        let observed = observer.before_swap(&active, &next.generation)?;
        drop(active);
        // A handler may answer with the help of its tasks.
        start_tasks(&next.resources.instances);
        let swap = observed.await;
        timer.lap("replay");
        Some(swap)
    }
}
