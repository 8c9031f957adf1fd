//! The way of a request: server, generation, stack.
//!
//! Development looks in through the traits of [`observe`].

mod figures;
pub mod generation;
pub mod observe;
pub mod reload_loop;
pub mod server;
pub mod stack;
