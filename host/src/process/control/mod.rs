//! How people and programs talk to a stackup that runs: one line of JSON asks, one answers.
//!
//! The socket is the owner's alone (mode 0600).

mod client;
mod place;
mod protocol;
mod shown;

pub use self::client::{AskError, ask};
pub use self::place::{Door, DoorError, candidates};
pub use self::protocol::{LONGEST, Reply, Request, RequestError};
pub use self::shown::shown;
