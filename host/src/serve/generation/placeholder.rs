//! What answers while no stack could be built yet: in development, where the next save may mend it.

use super::candidate::Candidate;
use super::reload::Reloader;
use crate::load::manifest::{Dev, Failures, Level, Limits, Manifest, Plugins, Renewal, Server};
use crate::serve::stack::{Line, Outline, Stack};

const NO_STACK: &str = "there is no stack yet";

impl Reloader {
    /// Whether what answers is no stack.
    pub fn serves_placeholder(&self) -> bool {
        let serving = self.serving.as_ref();
        serving.is_some_and(|serving| serving.active.load().number == 0)
    }

    /// Answers every request with 503 and `reason`, as generation 0, until a stack takes its place.
    pub fn serve_placeholder(&mut self, reason: &str) {
        let reason = anstream::adapter::strip_str(reason).to_string();
        let text = format!("{NO_STACK}\n\n{}\n", reason.trim_end());
        let nobody = Candidate {
            stack: Stack::unavailable(text),
            instances: Vec::new(),
        };
        let outline = Outline {
            lines: vec![(0, Line::Closed(NO_STACK.to_owned()))],
        };
        self.swap_as(0, nobody, outline, nothing());
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
