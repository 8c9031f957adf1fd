//! A snapshot of the generations, for `stackup status`.

use std::sync::Arc;

use serde::Serialize;
use stackup_plugin::abi::host::FailureMonitor;

use super::health::Health;
use super::held_by::HeldBy;
use super::instance::Instance;
use super::waiting_list::WaitingList;
use crate::serve::stack::{Line, Outline};

/// A snapshot of the generations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GenerationStatus {
    /// The active one; none before the first and after the last.
    pub active: Option<ActiveGeneration>,
    /// Those that drain, the oldest first.
    pub draining: Vec<DrainingGeneration>,
    /// The number of those that have retired.
    pub retired: u64,
    /// Bytes of address space of unused libraries.
    pub resting_bytes: u64,
}

/// The active generation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActiveGeneration {
    /// Its number.
    pub number: u64,
    /// How long it has served.
    pub seconds: f64,
    /// Its stack, outermost first.
    pub stack: Vec<StackLine>,
    /// The requests that wait in it.
    #[serde(flatten)]
    pub waiting: WaitingList,
    /// The health of its handlers.
    pub handlers: Vec<HandlerHealth>,
}

/// The health of a handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandlerHealth {
    /// `plugin` or `plugin#handler`.
    pub handler: String,
    /// How often it has panicked.
    pub panics: u64,
    /// How often it has blocked its thread.
    pub blocks: u64,
    /// Whether it is out of service.
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

/// A generation that drains.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DrainingGeneration {
    /// Its number.
    pub number: u64,
    /// How long it has drained.
    pub seconds: f64,
    /// Until its requests are aborted; 0 after that.
    pub deadline_seconds: f64,
    /// Until its connections are closed that have changed to another protocol; 0 after that.
    pub upgrade_deadline_seconds: f64,
    /// Whether a request still held it after all deadlines, so that its handlers stay in memory.
    pub stuck: bool,
    /// What keeps it from ending.
    pub held_by: HeldBy,
}

/// A line of a stack. Without config, which may have secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackLine {
    /// The number of maps around it.
    pub depth: usize,
    /// The directive as it would be written, without its config.
    pub label: String,
    /// The instance of a `use` or a `run`.
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
    /// Whether it served in an earlier generation too.
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
