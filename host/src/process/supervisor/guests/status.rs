//! What `stackup status` shows of guests.

use serde_json::{Value, json};

use super::Guests;
use super::guest::Guest;
use super::process::Stage;

impl Guests {
    /// All guests, for `stackup status --json`. Their options may have secrets, and are left out.
    pub(in super::super) fn status(&self) -> Value {
        self.all.values().map(Guest::status).collect()
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
