//! How people and programs talk to a stackup that runs: one line of JSON asks, one answers.
//!
//! The socket is the owner's alone (mode 0600).

mod client;
mod protocol;
mod socket;
mod status_text;

pub use self::client::{ClientError, send_request};
pub use self::protocol::{MAX_REQUEST_LEN, Reply, Request, RequestError};
pub use self::socket::{ControlSocket, ControlSocketError, candidates};
pub use self::status_text::status_text;
