//! The host's side: messages that the host owns, and safe ways to call a plugin.

pub mod body;
pub mod context;
mod counters;
pub mod crash_report;
mod detached;
mod draining;
mod exchange;
mod failure;
mod failure_monitor;
mod fetch;
mod gauges;
mod guest;
mod handler;
mod headers;
mod histograms;
mod informer;
mod level;
mod life;
mod measured;
mod node;
mod request;
mod response;
mod series;
mod services;
pub mod signals;
mod store;
mod table;
#[cfg(test)]
mod test_support;
mod threads;

pub use body::{FileBody, FilePart, HostBody};
pub use context::{HandlerContext, TaskControl, TaskScope, current};
pub use counters::{Counters, HistogramValue};
pub use detached::{DetachedCall, DetachedRequest, HolderSlot, StackHolder};
pub use draining::{DrainSource, DrainSourceEntry, DrainSourceId};
pub use exchange::{Exchange, Finish};
pub use failure::Failure;
pub use failure_monitor::{BreakerFlag, FailureMonitor, FailureStats, IgnoreFailures};
pub use fetch::{FetchFailure, FetchPhase, FetchRequest, Fetching, Informational};
pub use guest::{GuestFailure, GuestRequest, HostGuest};
pub use handler::{AttachedPlugin, Handler};
pub use informer::{ClientRequest, Clients, ClientsEntry};
pub use life::Life;
pub use measured::{CallEnd, CallMeter, CallStart, MeasuredNode};
pub use node::{Below, Call, HostApp, NestedCall, Node, OnFailure, Outcome, Router};
pub use request::{
    ClientCertificate, Connection, ForwardedOffer, HostRequest, UpgradeOffer, canonicalize,
};
pub use response::HostResponse;
pub use series::Reading;
pub use services::{LogInterest, PluginLog, Services, install};
pub use store::{
    StoreAnswer, StoreFailure, StoreFailureKind, StoreNamespace, StoreReply, StoreRequest,
};
pub use table::host_table;
pub use threads::{RunningHandler, record_poll, running_handlers};
