//! The line between the supervisor and a worker: orders down, words up, each a line of JSON.
//!
//! It is a socket pair, which the worker finds as its stdin. First comes its [`WorkerConfig`], with the
//! descriptors that it inherits: the pipe for its last words, and the listening sockets.

mod descriptors;
mod lines;
mod messages;

pub use self::descriptors::{receive_with_descriptors, send_with_descriptors};
pub use self::lines::{Sender, read_lines};
pub use self::messages::{BuildOptions, Command, Event, Hang, ReloadOptions, WorkerConfig};

/// The hidden argument that makes the program a worker.
pub const ARGUMENT: &str = "__worker";

/// What a worker and its supervisor must agree on: it grows when a message changes its meaning.
pub const PROTOCOL: u32 = 1;
