//! What `stackup status` shows of guests.

use serde_json::{Value, json};

use super::Guests;
use super::guest::Guest;
use super::process::Stage;
use crate::services::Families;
use crate::services::FamilyKind::{Counter, Gauge};

impl Guests {
    /// All guests, for `stackup status --json`. Their options may have secrets, and are left out.
    pub(in super::super) fn status(&self) -> Value {
        self.all.values().map(Guest::status).collect()
    }

    /// Their figures. Guests of the same name count together.
    pub(in super::super) fn add_figures(&self, families: &mut Families) {
        let restarts = (
            "stackup_guest_restarts",
            Counter,
            "How often a guest was started again",
        );
        let processes = ("stackup_guest_processes", Gauge, "Processes of a guest");
        let memory = (
            "stackup_guest_memory_bytes",
            Gauge,
            "Memory of a guest's processes",
        );
        for guest in self.all.values() {
            let labels = [("guest", guest.options.name.as_str())];
            families.add_up(restarts, &labels, guest.restarts as f64);
            families.add_up(processes, &labels, guest.processes.len() as f64);
            let used = guest.processes.values().filter_map(|one| one.memory);
            families.add_up(memory, &labels, used.sum::<u64>() as f64);
        }
    }
}

impl Guest {
    fn status(&self) -> Value {
        let processes = self.processes.values().map(|process| {
            json!({
                "number": process.number,
                "pid": process.shown_pid(),
                "state": match process.stage {
                    Stage::Starting { .. } => "starting",
                    Stage::Ready => "ready",
                    Stage::Draining { .. } => "draining",
                    Stage::Stopping { .. } | Stage::Killed { .. } => "stopping",
                },
                "seconds": process.born.elapsed().as_secs_f64(),
                "memory_bytes": process.memory,
            })
        });
        let processes: Vec<_> = processes.collect();
        json!({
            "name": self.options.name,
            "restarts": self.restarts,
            "down": self.current.is_none().then_some(&self.down),
            "processes": processes,
        })
    }
}
