//! A layer whose visitors are noted: only in stacks of development, so that others pay nothing.

use std::pin::Pin;
use std::sync::Arc;

use stackup_plugin::abi::host::{Answer, HostRequest, Node, Outcome};

use crate::trace::{Seat, Trace};

/// A node, and the seat that it has in its stack.
pub(super) struct Watched {
    node: Arc<Node>,
    seat: Arc<Seat>,
}

impl Watched {
    pub(super) fn new(node: Node, seat: Arc<Seat>) -> Self {
        let node = Arc::new(node);
        Self { node, seat }
    }
}

impl Answer for Watched {
    fn answer(&self, request: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let (node, seat) = (Arc::clone(&self.node), Arc::clone(&self.seat));
        Box::pin(async move {
            // A request to warm up has none.
            let Some(trace) = request.exchange().witness::<Trace>() else {
                return node.branch(request).await;
            };
            let visiting = trace.enter(&seat, &request);
            let outcome = node.branch(request).await;
            visiting.leave(&outcome);
            outcome
        })
    }
}
