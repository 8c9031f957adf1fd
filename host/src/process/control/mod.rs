//! How people and programs talk to a stackup that runs: one line of JSON asks, one answers.
//!
//! The socket is the owner's alone (mode 0600).

mod client;
mod protocol;
mod socket;
mod status_text;

pub use self::client::{AskError, ask};
pub use self::protocol::{LONGEST, Reply, Request, RequestError};
pub use self::socket::{Door, DoorError, candidates};
pub use self::status_text::shown;
