//! Lint: checks between the layers that each keeps the rules of SPEC.md, in development.
//!
//! It changes nothing. The crate `contract` decides what breaks a rule. Only observed requests are checked
//! (`[dev] lint`), so others pay nothing.

mod body;
mod findings;
mod layer;
mod request;
mod running;
mod tasks;
mod values;

pub use self::findings::{Finding, Findings};
pub use self::layer::HandlerId;
pub use self::request::{LayerCheck, RequestCheck};
pub use self::tasks::CheckedTasks;

#[cfg(test)]
mod spec_tests;
#[cfg(test)]
mod tests;
