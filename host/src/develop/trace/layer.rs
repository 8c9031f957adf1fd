//! A node that traces and checks the layer in it; only observed stacks have such nodes.

use std::pin::Pin;
use std::sync::Arc;

use stackup_plugin::abi::host::{HandlerContext, HostApp, HostRequest, Node, Outcome, TaskScope};

use super::Trace;
use crate::develop::lint::{CheckedTasks, HandlerId};
use crate::serve::observe::ObserveLayers;
use crate::serve::stack::LayerSlot;

/// Traces each layer of a stack, and has lint check it.
#[derive(Debug)]
pub struct TraceLayers;

impl ObserveLayers for TraceLayers {
    fn layer(&self, node: Node, slot: &Arc<LayerSlot>, handler: &HandlerContext) -> Node {
        Node::HostApp(Box::new(TracedLayer {
            node: Arc::new(node),
            slot: Arc::clone(slot),
            id: Arc::new(HandlerId::new(&handler.handler, &handler.fingerprint)),
        }))
    }

    fn scope(
        &self,
        scope: Arc<dyn TaskScope>,
        handler: &str,
        fingerprint: &str,
    ) -> Arc<dyn TaskScope> {
        Arc::new(CheckedTasks::new(
            scope,
            HandlerId::new(handler, fingerprint),
        ))
    }
}

/// A layer's node and the slot that it fills.
struct TracedLayer {
    node: Arc<Node>,
    slot: Arc<LayerSlot>,
    /// The handler that lint reports if the layer breaks a rule.
    id: Arc<HandlerId>,
}

impl HostApp for TracedLayer {
    fn call(&self, mut request: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        let (node, slot) = (Arc::clone(&self.node), Arc::clone(&self.slot));
        let id = Arc::clone(&self.id);
        Box::pin(async move {
            // Warm-up requests have no trace.
            let Some(trace) = request.exchange().extension::<Trace>() else {
                return node.call_nested(request).await;
            };
            let lint = trace.lint.clone();
            let visit = trace.enter(&slot, &request);
            let outcome = match lint.map(|checks| checks.enter(&id, &mut request)) {
                Some(checked) => checked.run(node.call_nested(request)).await,
                None => node.call_nested(request).await,
            };
            visit.leave(&outcome);
            outcome
        })
    }
}
