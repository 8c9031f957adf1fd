//! A layer whose visitors are noted: only in stacks of development, so that others pay nothing.

use std::pin::Pin;
use std::sync::Arc;

use stackup_plugin::abi::host::{Answer, HostRequest, Node, Outcome};

use crate::develop::lint::Culprit;
use crate::serve::trace::{Seat, Trace};

/// A node, and the seat that it has in its stack.
pub(super) struct Watched {
    node: Arc<Node>,
    seat: Arc<Seat>,
    /// Who answers for what it does.
    culprit: Arc<Culprit>,
}

impl Watched {
    pub(super) fn new(node: Node, seat: Arc<Seat>, culprit: Culprit) -> Self {
        let (node, culprit) = (Arc::new(node), Arc::new(culprit));
        Self {
            node,
            seat,
            culprit,
        }
    }
}

impl Answer for Watched {
    fn answer(&self, mut request: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let (node, seat) = (Arc::clone(&self.node), Arc::clone(&self.seat));
        let culprit = Arc::clone(&self.culprit);
        Box::pin(async move {
            // A request to warm up has none.
            let Some(trace) = request.exchange().witness::<Trace>() else {
                return node.branch(request).await;
            };
            let lint = trace.lint.clone();
            let visiting = trace.enter(&seat, &request);
            let outcome = match lint.map(|case| case.enter(&culprit, &mut request)) {
                Some(visit) => visit.watch(node.branch(request)).await,
                None => node.branch(request).await,
            };
            visiting.leave(&outcome);
            outcome
        })
    }
}
