//! Listeners, connections and limits; each request goes to the active generation.
//!
//! Knows neither plugins nor TOML.

mod answer;
mod body;
mod connection;
mod listen;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::generation::Active;
use connection::Served;

pub use listen::{BindError, Listener};

/// What a server needs besides its listeners.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many connections are open at once; more wait in the sockets' queues.
    pub connections: usize,
    /// Whether an error's text goes to the client, as in development.
    pub show_errors: bool,
}

/// Serves until `stop` turns true, then waits for the last requests until `deadline`.
///
/// Returns how many connections had to be cut.
pub async fn serve(
    listeners: Vec<Listener>,
    active: Arc<Active>,
    settings: Settings,
    mut stop: watch::Receiver<bool>,
    deadline: impl FnOnce() -> Duration,
) -> usize {
    let places = Arc::new(Semaphore::new(settings.connections));
    let mut accepting = JoinSet::new();
    let (open, mut closed) = watch::channel(());
    let cut = stop.clone();
    for listener in listeners {
        let served = Served {
            active: Arc::clone(&active),
            show_errors: settings.show_errors,
            stop: stop.clone(),
        };
        let (places, open) = (Arc::clone(&places), open.clone());
        let closing = cut.clone();
        accepting.spawn(async move { listener.accept(served, places, open, closing).await });
    }
    drop(open);
    // An error means that the sender is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
    let mut connections = JoinSet::new();
    while let Some(accepted) = accepting.join_next().await {
        if let Ok(mut tasks) = accepted {
            connections.spawn(async move { while tasks.join_next().await.is_some() {} });
        }
    }
    let all = async { while connections.join_next().await.is_some() {} };
    let ended = tokio::time::timeout(deadline(), all).await.is_ok();
    let _ = closed.borrow_and_update();
    if ended {
        0
    } else {
        settings.connections - places.available_permits()
    }
}
