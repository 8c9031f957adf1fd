//! The control socket: how commands reach a running stackup. A request is a line of JSON, and so is the
//! reply. A client finds the socket by the site that it serves.
//!
//! Only the owner may connect (mode 0600).

mod client;
mod discovery;
mod history_text;
mod protocol;
mod socket;
mod status_text;

pub use self::client::{ClientError, send_request};
pub use self::discovery::Site;
pub use self::history_text::history_text;
pub use self::protocol::{MAX_REQUEST_LEN, Reply, Request, RequestError, ServedStack};
pub use self::socket::{ControlFile, ControlSocket, ControlSocketError};
pub use self::status_text::status_text;
pub(crate) use self::status_text::{Part, Status, count, size, time};
