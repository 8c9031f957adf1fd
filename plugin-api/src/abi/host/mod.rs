//! The host's side: messages that the host owns, and safe ways to call a plugin.

pub mod body;
pub mod context;
mod errors;
mod exchange;
mod handler;
mod headers;
mod incidents;
pub mod last_words;
mod names;
mod node;
mod note;
mod offered;
mod request;
mod response;
#[cfg(test)]
mod sample;
mod services;
mod slots;
mod spare;
mod table;
mod values;

pub use body::HostBody;
pub use context::{HandlerContext, Scope, TaskControl, current};
pub use errors::Failure;
pub use exchange::{Exchange, Finish};
pub use handler::{Attached, Handler};
pub use incidents::{Guard, Incidents, Tally, Untold};
pub use node::{Answer, Branch, Call, Node, OnFailure, Outcome, Route};
pub use note::{Busy, busy, polling};
pub use request::{Connection, HostRequest};
pub use response::HostResponse;
pub use services::{PluginLog, Services, install};
pub use table::host_table;
