//! The protocol between supervisor and worker: commands one way, events the other, each a line of JSON.
//!
//! It runs over a socket pair, which is the worker's stdin at its start. The first message is the
//! [`WorkerConfig`] with the descriptors that the worker inherits: the pipe for its crash report, and the
//! listening sockets. Commands about the store bring the descriptor of a file.

mod descriptors;
mod lines;
mod messages;

pub use self::descriptors::{
    DescriptorReader, memory_file, receive_with_descriptors, send_bytes_with, send_with_descriptors,
};
pub use self::lines::{MAX_LINE, Sender, check_length, read_lines};
pub use self::messages::{BuildOptions, Command, Event, Hang, WorkerConfig};
pub use crate::serve::reload_loop::ReloadOptions;

/// The hidden argument that makes the program a worker.
pub const ARGUMENT: &str = "__worker";

/// The version of the protocol. It grows when a message changes its meaning.
pub const PROTOCOL: u32 = 1;
