//! The placeholder that answers while no stack could be built yet: in development, where the next save may fix it.

use super::candidate::Candidate;
use super::generations::{Generations, NextGeneration};
use crate::load::manifest::{Dev, Failures, Level, Limits, Manifest, Plugins, Renewal, Server};
use crate::serve::stack::{Line, Outline, Stack};
use crate::services::{LogFilters, StoreSettings};

const NO_STACK: &str = "there is no stack yet";

impl Generations {
    /// Whether the placeholder answers.
    pub(super) fn serves_placeholder(&self) -> bool {
        self.serving.is_some() && self.active_number() == 0
    }

    /// Answers every request with 503 and `reason`, as generation 0, until a stack replaces it.
    pub(super) fn serve_placeholder(&mut self, reason: &str) {
        let reason = anstream::adapter::strip_str(reason).to_string();
        let text = format!("{NO_STACK}\n\n{}\n", reason.trim_end());
        let candidate = Candidate {
            stack: Stack::unavailable(text),
            instances: Vec::new(),
        };
        let outline = Outline {
            lines: vec![(0, Line::Closed(NO_STACK.to_owned()))],
        };
        let manifest = empty_manifest();
        let next = NextGeneration::new(0, candidate, &manifest);
        self.swap(next, outline, manifest);
    }
}

/// The defaults: there may be no manifest that can be read.
pub(super) fn empty_manifest() -> Manifest {
    Manifest {
        server: Server::default(),
        plugins: Plugins::default(),
        limits: Limits::default(),
        failures: Failures::default(),
        renewal: Renewal::default(),
        store: StoreSettings::default(),
        log: LogFilters::default(),
        metrics: None,
        dev: Dev::default(),
        warmup: Vec::new(),
        stack: Level::default(),
    }
}
