//! Listeners, connections and limits; each request goes to the active generation.
//!
//! Knows neither plugins nor TOML.

mod acme_challenge;
mod answer;
mod bare_response;
mod begin;
mod body;
pub mod cgi;
mod client;
mod client_stream;
mod client_wait;
mod clock;
mod connection;
mod connection_state;
mod connections;
mod date;
mod embedded;
pub mod fastcgi;
mod forwarded;
pub mod framing;
pub mod head;
mod http1;
mod http2;
mod interim;
mod listen;
mod notices;
mod phase;
mod progress_timeout;
mod proxy_protocol;
mod response_guard;
mod send_file;
mod sending;
mod timed_socket;
pub mod tls;
mod transport;
mod unread_body;
mod upgrade;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use crate::serve::generation::Active;
use crate::serve::observe::Observer;
use answer::AnswerContext;
use connection_state::ConnectionContext;

pub use connections::{Connections, ConnectionsStatus};
pub use date::check_clock;
pub use embedded::{Answers, EmbeddedBody};
pub use listen::{Listener, Protocols, client_waits};
pub use phase::{Phase, PhaseSender};

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

/// How long the last requests may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// From [`Phase::Retiring`] to [`Phase::Stopping`].
    pub retire: Duration,
    /// From [`Phase::Stopping`] on.
    pub stop: Duration,
    /// From [`Phase::Retiring`] on, for connections that have changed to another protocol, if that is longer.
    pub upgrades: Duration,
}

/// Connections that have passed their deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// All that are open.
    All,
    /// Those that have not changed to another protocol: the others have more time.
    AllButUpgrades,
    /// Those that have changed to another protocol, and are the last.
    Upgrades,
}

/// Serves until `phase` changes, then waits for the last requests within the deadlines. `deadlines` is called in between:
/// no connection is accepted from then on. `cuts` is called before connections are aborted, with how many.
pub async fn serve(
    listeners: Vec<Listener>,
    active: Arc<Active>,
    settings: Settings,
    phase: PhaseSender,
    deadlines: impl FnOnce() -> Deadlines,
    cuts: impl Fn(Overdue, usize),
) {
    let connections = Arc::clone(&settings.connections);
    tokio::select! {
        () = serve_connections(listeners, active, settings, phase, deadlines, cuts) => {}
        () = connections.notices.summarize() => {}
    }
}

async fn serve_connections(
    listeners: Vec<Listener>,
    active: Arc<Active>,
    settings: Settings,
    phase: PhaseSender,
    deadlines: impl FnOnce() -> Deadlines,
    cuts: impl Fn(Overdue, usize),
) {
    let mut accepting = JoinSet::new();
    let mut now = phase.subscribe();
    for listener in listeners {
        let served = ConnectionContext {
            answers: AnswerContext {
                active: Arc::clone(&active),
                show_errors: settings.show_errors,
                observer: settings.observer.clone(),
                last: Arc::clone(&settings.last),
            },
            phase: now.clone(),
            protocols: listener.protocols.clone(),
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
    let until = Instant::now() + deadlines.upgrades;
    let retires = *now.borrow() == Phase::Retiring;
    let all = async { while connections.join_next().await.is_some() {} };
    let mut all = std::pin::pin!(all);
    let retired = tokio::select! {
        () = &mut all => true,
        _ = now.wait_for(|phase| *phase == Phase::Stopping) => false,
        () = tokio::time::sleep(deadlines.retire) => false,
    };
    phase.enter(Phase::Stopping);
    if retired || timeout(deadlines.stop, &mut all).await.is_ok() {
        return;
    }
    let (open, upgrades) = (
        settings.connections.count(),
        settings.connections.upgrades(),
    );
    if !retires || Instant::now() >= until || upgrades == 0 {
        cuts(Overdue::All, open);
        return;
    }
    if open > upgrades {
        cuts(Overdue::AllButUpgrades, open - upgrades);
        settings.connections.cut_all_but_upgrades();
    }
    let mut again = phase.subscribe();
    let ended = tokio::select! {
        ended = timeout_at(until, &mut all) => ended.is_ok(),
        // Told once more to stop.
        _ = again.changed() => timeout(deadlines.stop, &mut all).await.is_ok(),
    };
    if !ended {
        cuts(Overdue::Upgrades, settings.connections.count());
    }
}
