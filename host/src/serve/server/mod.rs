//! Listeners, connections and limits; each request goes to the active generation.
//!
//! Knows neither plugins nor TOML.

mod answer;
mod bare_response;
mod body;
mod client;
mod client_stream;
mod client_wait;
mod clock;
mod connection;
mod connection_state;
mod connections;
mod date;
mod forwarded;
pub mod framing;
pub mod head;
mod listen;
mod notices;
mod progress_timeout;
mod proxy_protocol;
mod response_guard;
mod sending;
mod timed_socket;
mod unread_body;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::serve::generation::Active;
use crate::serve::observe::Observer;
use connection_state::ConnectionContext;

pub use connections::{Connections, ConnectionsStatus};
pub use date::check_clock;
pub use listen::{Listener, client_waits};

/// What a server needs besides its listeners.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The open connections, and their limit.
    pub connections: Arc<Connections>,
    /// Whether responses contain the text of errors, as in development.
    pub show_errors: bool,
    /// Observes requests, in development.
    pub observer: Option<Arc<dyn Observer>>,
    /// Set when each connection is to close after its next response.
    pub last: Arc<AtomicBool>,
}

/// What a server does with its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// It accepts new ones.
    #[default]
    Serving,
    /// It accepts no new ones. Each open connection closes after its next response, so that no request is lost that is
    /// already on its way.
    Retiring,
    /// It accepts no new ones. Idle connections close at once, others after their response.
    Stopping,
}

/// How long the last requests may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// From [`Phase::Retiring`] to [`Phase::Stopping`].
    pub retire: Duration,
    /// From [`Phase::Stopping`] on.
    pub stop: Duration,
}

/// Serves until `phase` changes, then waits for the last requests within the deadlines. `deadlines` is called in between:
/// no connection is accepted from then on.
///
/// Returns the number of connections that were aborted.
pub async fn serve(
    listeners: Vec<Listener>,
    active: Arc<Active>,
    settings: Settings,
    phase: watch::Sender<Phase>,
    deadlines: impl FnOnce() -> Deadlines,
) -> usize {
    let connections = Arc::clone(&settings.connections);
    tokio::select! {
        aborted = serve_connections(listeners, active, settings, phase, deadlines) => aborted,
        () = connections.notices.summarize() => 0,
    }
}

async fn serve_connections(
    listeners: Vec<Listener>,
    active: Arc<Active>,
    settings: Settings,
    phase: watch::Sender<Phase>,
    deadlines: impl FnOnce() -> Deadlines,
) -> usize {
    let mut accepting = JoinSet::new();
    let mut now = phase.subscribe();
    for listener in listeners {
        let served = ConnectionContext {
            active: Arc::clone(&active),
            show_errors: settings.show_errors,
            observer: settings.observer.clone(),
            phase: now.clone(),
            proxy_protocol: listener.proxy_protocol,
            last: Arc::clone(&settings.last),
            connections: Arc::clone(&settings.connections),
        };
        let now = now.clone();
        accepting.spawn(async move { listener.accept(served, now).await });
    }
    // An error means that the sender is gone, which is an end as well.
    let _ = now.wait_for(|phase| *phase != Phase::Serving).await;
    settings.last.store(true, Ordering::Relaxed);
    let mut connections = JoinSet::new();
    while let Some(accepted) = accepting.join_next().await {
        if let Ok(mut tasks) = accepted {
            connections.spawn(async move { while tasks.join_next().await.is_some() {} });
        }
    }
    let deadlines = deadlines();
    let all = async { while connections.join_next().await.is_some() {} };
    let mut all = std::pin::pin!(all);
    let retired = tokio::select! {
        () = &mut all => true,
        _ = now.wait_for(|phase| *phase == Phase::Stopping) => false,
        () = tokio::time::sleep(deadlines.retire) => false,
    };
    // The send fails only if all connections have ended.
    let _ = phase.send(Phase::Stopping);
    let ended = retired || tokio::time::timeout(deadlines.stop, all).await.is_ok();
    if ended {
        0
    } else {
        settings.connections.count()
    }
}
