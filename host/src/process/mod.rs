//! The processes: a supervisor that holds the sockets, workers that serve, and what they say to each other
//! and to the command line.

pub mod control;
pub mod ipc;
pub mod supervisor;
pub mod worker;
