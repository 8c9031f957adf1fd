//! The way of a request: server, generation, stack.

pub mod generation;
pub mod server;
pub mod stack;
pub mod trace;
