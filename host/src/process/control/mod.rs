//! The control socket: how commands reach a running stackup. A request is a line of JSON, and so is the
//! reply.
//!
//! Only the owner may connect (mode 0600).

mod client;
mod protocol;
mod socket;
mod status_text;

pub use self::client::{ClientError, send_request};
pub use self::protocol::{MAX_REQUEST_LEN, Reply, Request, RequestError};
pub use self::socket::{ControlSocket, ControlSocketError, candidates};
pub use self::status_text::status_text;
