//! Stacks that are tried one after the other: Rack's Cascade.

use std::pin::Pin;
use std::sync::Arc;

use http::StatusCode;
use stackup_plugin::abi::host::{HostApp, HostBody, HostRequest, HostResponse, Node, Outcome};

/// The first branch whose status is not caught answers; the last one always does.
pub(super) struct Cascade(Arc<[Branch]>);

struct Branch {
    node: Node,
    catch: Vec<u16>,
}

impl Cascade {
    /// Takes each branch with the statuses that it catches.
    pub(super) fn new(branches: Vec<(Node, Vec<u16>)>) -> Self {
        let branches = branches.into_iter();
        Self(
            branches
                .map(|(node, catch)| Branch { node, catch })
                .collect(),
        )
    }
}

impl HostApp for Cascade {
    fn call(&self, mut request: HostRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        // The future may not borrow the stack: one reference count per cascade, not per layer.
        let all = Arc::clone(&self.0);
        Box::pin(async move {
            let Some((last, before)) = all.split_last() else {
                return Ok(HostResponse::new(StatusCode::NOT_FOUND, HostBody::Empty));
            };
            for branches in before {
                let outcome = branches.node.call_nested(request.fork()).await;
                if !branches.catches(&outcome) {
                    return outcome;
                }
                tell(&outcome);
            }
            last.node.call_nested(request).await
        })
    }
}

impl Branch {
    /// An error counts as the status that the client would get.
    fn catches(&self, outcome: &Outcome) -> bool {
        let status = match outcome {
            Ok(response) => response.status(),
            Err(failure) => failure.status,
        };
        self.catch.contains(&status.as_u16())
    }
}

/// Logs an error that is caught, which is reported nowhere else.
fn tell(outcome: &Outcome) {
    if let Err(failure) = outcome
        && failure.status.is_server_error()
    {
        let (handler, status) = (failure.handler.as_str(), failure.status.as_u16());
        tracing::error!(event = "caught", handler, status, "{failure}");
    }
}
