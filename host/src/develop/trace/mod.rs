//! Traces: which layers a request visited, when, and with which heads, in development.
//!
//! The nodes of an observed stack write a trace; the inspector and the error page read it.

mod layer;
mod recent;
mod request;
mod view;

pub use self::layer::TraceLayers;
pub use self::recent::RecentRequests;
pub use self::request::{Finished, Trace, Visiting, WholeAnswer};
pub use self::view::{Summary, TraceView, VisitView};
