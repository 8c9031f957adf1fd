//! The generations at one moment, for `stackup status` and people.

use std::sync::Arc;

use serde::Serialize;
use stackup_plugin::abi::host::FailureMonitor;

use super::health::Health;
use super::held_by::HeldBy;
use super::instance::Instance;
use super::waiting::WaitingRequest;
use crate::serve::stack::{Line, Outline};

/// The generations at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GenerationStatus {
    /// The one that serves; none before the first does and after the last.
    pub active: Option<ActiveGeneration>,
    /// Those that were replaced and are not at their end, the oldest first.
    pub draining: Vec<DrainingGeneration>,
    /// How many have come to their end.
    pub retired: u64,
    /// Bytes of address space of the libraries that rest.
    pub resting_bytes: u64,
}

/// The generation that serves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActiveGeneration {
    /// Its number.
    pub number: u64,
    /// Since it serves.
    pub seconds: f64,
    /// Its stack, outermost first.
    pub stack: Vec<StackLine>,
    /// The requests that wait in it, the oldest first.
    pub requests: Vec<WaitingRequest>,
    /// How its handlers do.
    pub handlers: Vec<HandlerHealth>,
}

/// How a handler does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandlerHealth {
    /// `plugin` or `plugin#handler`.
    pub handler: String,
    /// How often it has panicked.
    pub panics: u64,
    /// How often it has blocked its thread.
    pub blocks: u64,
    /// Whether requests are kept from it.
    pub out_of_service: bool,
}

impl HandlerHealth {
    pub(super) fn of(health: &Health) -> Self {
        let tally = health.stats();
        Self {
            handler: health.handler().to_owned(),
            panics: tally.panics,
            blocks: tally.blocks,
            out_of_service: tally.out_of_service,
        }
    }
}

/// A generation on its way out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DrainingGeneration {
    /// Its number.
    pub number: u64,
    /// Since it was replaced.
    pub seconds: f64,
    /// Until its last requests are ended; 0 when that has been.
    pub deadline_seconds: f64,
    /// Whether a request held it beyond all deadlines, so that its handlers are kept for good.
    pub stuck: bool,
    /// What holds it.
    pub held_by: HeldBy,
}

/// A line of a stack. No config: it may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackLine {
    /// How many maps are around it.
    pub depth: usize,
    /// The directive as it would be written, without its config.
    pub label: String,
    /// What stands behind a `use` or a `run`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub instance: Option<StackInstance>,
}

/// A handler in a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackInstance {
    /// `plugin` or `plugin#handler`.
    pub handler: String,
    /// The plugin's version.
    pub version: String,
    /// The first digits of its library's fingerprint.
    pub fingerprint: String,
    /// The number of the generation that it was built for.
    pub born: u64,
    /// Whether it served in an earlier generation, too.
    pub kept: bool,
}

/// The lines of the stack of generation `number`.
pub(super) fn lines(outline: &Outline, instances: &[Arc<Instance>], number: u64) -> Vec<StackLine> {
    let mut instances = instances.iter();
    let line = |(depth, line): &(usize, Line)| StackLine {
        depth: *depth,
        label: line.label(),
        instance: line.piece().map(|piece| {
            let born = instances.next().map_or(number, |instance| instance.born);
            StackInstance {
                handler: piece.name.clone(),
                version: piece.version.clone(),
                fingerprint: piece.fingerprint.clone(),
                born,
                kept: born < number,
            }
        }),
    };
    outline.lines.iter().map(line).collect()
}
