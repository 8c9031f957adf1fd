//! Whether each layer keeps the rules of SPEC.md, looked at between the layers: for people who develop.
//!
//! It looks and changes nothing; what is an offence is the crate `contract`'s to say. It exists only where a request is
//! watched (`[dev] lint`), so others pay nothing.

mod body;
mod case;
mod layer;
mod ledger;
mod running;
mod tasks;

pub use self::case::{Case, Visit};
pub use self::layer::Culprit;
pub use self::ledger::{Ledger, Told};
pub use self::tasks::Overseen;

#[cfg(test)]
mod spec_tests;
#[cfg(test)]
mod tests;
