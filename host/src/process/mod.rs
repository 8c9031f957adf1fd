//! The processes: a supervisor that holds the sockets, workers that serve, and the protocols between them
//! and the command line.

pub mod control;
pub mod guest_guard;
pub mod ipc;
#[cfg(test)]
pub(crate) mod other_user;
pub mod socket_file;
pub mod supervisor;
pub mod worker;
