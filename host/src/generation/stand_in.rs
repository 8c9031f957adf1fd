//! What answers while no stack could be built yet: in development, where the next save may mend it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Generation;
use super::active::Active;
use super::census::Live;
use super::drain::Holdings;
use super::reload::Reloader;
use super::serving::Serving;
use super::standing::lines;
use crate::manifest::{Dev, Failures, Level, Limits, Manifest, Plugins, Renewal, Server};
use crate::stack::{Line, Outline, Stack};

const NO_STACK: &str = "there is no stack yet";

impl Reloader {
    /// Whether what answers is no stack.
    pub fn stands_in(&self) -> bool {
        let serving = self.serving.as_ref();
        serving.is_some_and(|serving| serving.active.load().number == 0)
    }

    /// Answers every request with 503 and `reason`, as generation 0, until a stack takes its place.
    pub fn stand_in(&mut self, reason: &str) {
        let manifest = nothing();
        let reason = anstream::adapter::strip_str(reason).to_string();
        let text = format!("{NO_STACK}\n\n{}\n", reason.trim_end());
        let stack = Arc::new(Stack::standing_in(text));
        let outline = Outline {
            lines: vec![(0, Line::Closed(NO_STACK.to_owned()))],
        };
        let (generation, gone) = Generation::new(0, Arc::clone(&stack), &manifest);
        let live = Live {
            number: 0,
            since: Instant::now(),
            stack: lines(&outline, &[], 0),
            tasks: Vec::new(),
            health: Vec::new(),
            waiting: Arc::clone(generation.waiting()),
        };
        let generation = Arc::new(generation);
        let active = match self.serving.take() {
            None => {
                self.census.swapped(Some(live), Duration::ZERO);
                Arc::new(Active::new(generation))
            }
            Some(old) => {
                let last = old.active.swap(generation);
                let deadline = last.limits.drain_timeout;
                self.drain(last, old.holdings, Some(live), deadline);
                old.active
            }
        };
        let holdings = Holdings {
            stack,
            instances: Vec::new(),
            gone,
        };
        self.serving = Some(Serving {
            active,
            manifest,
            outline,
            holdings,
        });
    }
}

/// A manifest that says nothing: there may be none that can be read.
fn nothing() -> Manifest {
    Manifest {
        server: Server::default(),
        plugins: Plugins::default(),
        limits: Limits::default(),
        failures: Failures::default(),
        renewal: Renewal::default(),
        dev: Dev::default(),
        warmup: Vec::new(),
        stack: Level::default(),
    }
}
