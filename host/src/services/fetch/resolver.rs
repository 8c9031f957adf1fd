//! From names to addresses.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// Resolves names: by the system, or as a test says.
#[derive(Clone)]
pub(super) enum Resolver {
    System(GaiResolver),
    #[cfg_attr(not(test), expect(dead_code, reason = "tests make them"))]
    Fixed(Arc<Lookup>),
}

type Lookup = dyn Fn(&str) -> Vec<SocketAddr> + Send + Sync;

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::System(system) => system.poll_ready(cx),
            Self::Fixed(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, name: Name) -> Self::Future {
        match self {
            Self::System(system) => {
                let found = system.call(name);
                Box::pin(async move { Ok(found.await?.collect::<Vec<_>>().into_iter()) })
            }
            Self::Fixed(resolve) => {
                let found = resolve(name.as_str()).into_iter();
                Box::pin(std::future::ready(Ok(found)))
            }
        }
    }
}
