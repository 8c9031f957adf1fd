//! The host's side: messages that the host owns, and safe ways to call a plugin.

pub mod body;
pub mod context;
pub mod crash_report;
mod detached;
mod exchange;
mod failure;
mod failure_monitor;
mod handler;
mod headers;
mod node;
mod request;
mod response;
mod services;
pub mod signals;
mod store;
mod table;
#[cfg(test)]
mod test_support;
mod threads;

pub use body::HostBody;
pub use context::{HandlerContext, TaskControl, TaskScope, current};
pub use detached::{DetachedCall, StackHolder, poll_held_by};
pub use exchange::{Exchange, Finish};
pub use failure::Failure;
pub use failure_monitor::{BreakerFlag, FailureMonitor, FailureStats, IgnoreFailures};
pub use handler::{AttachedPlugin, Handler};
pub use node::{Call, HostApp, NestedCall, Node, OnFailure, Outcome, Router};
pub use request::{Connection, HostRequest, canonicalize};
pub use response::HostResponse;
pub use services::{PluginLog, Services, install};
pub use store::{
    StoreAnswer, StoreFailure, StoreFailureKind, StoreNamespace, StoreReply, StoreRequest,
};
pub use table::host_table;
pub use threads::{RunningHandler, record_poll, running_handlers};
