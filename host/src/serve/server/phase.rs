//! What a server does with its connections, and who says so.

use tokio::sync::watch;

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

/// Says in which phase a server is.
#[derive(Debug, Clone, Default)]
pub struct PhaseSender(watch::Sender<Phase>);

impl PhaseSender {
    /// Begins a phase, also if nobody looks yet: a server that has not been polled finds it when it starts. (`send` of the
    /// channel would leave the value as it was.)
    pub fn enter(&self, phase: Phase) {
        self.0.send_replace(phase);
    }

    /// The phase.
    #[must_use]
    pub fn current(&self) -> Phase {
        *self.0.borrow()
    }

    /// Follows the phase.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Phase> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phase_that_begins_before_anybody_looks_is_seen() {
        let sender = PhaseSender::default();
        assert_eq!(sender.current(), Phase::Serving);
        sender.enter(Phase::Stopping);
        assert_eq!(sender.current(), Phase::Stopping);
        assert_eq!(*sender.subscribe().borrow(), Phase::Stopping);
    }
}
