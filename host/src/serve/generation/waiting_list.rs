//! Requests that wait, as they are shown. There may be thousands of open sockets, so the list is short.

use std::fmt;

use serde::Serialize;

use super::upgrade_record::UpgradeStatus;
use super::waiting::Phase;

/// As many are listed of each phase: many sockets do not hide a request that hangs.
pub(super) const SHOWN: usize = 20;

/// A request that waits, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitingRequest {
    /// `GET`, ….
    pub method: String,
    /// The path without its query, which may have secrets; a long one is cut.
    pub path: String,
    /// How long ago its first wait began.
    pub seconds: f64,
    /// What it waits for.
    pub phase: Phase,
    /// The handler that it waits in, if known.
    pub handler: Option<String>,
    /// The generation that it arrived in, if that was replaced without any of its handlers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_generation: Option<u64>,
    /// What its connection has changed to, if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<UpgradeStatus>,
}

impl fmt::Display for WaitingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if let Some(handler) = &self.handler {
            write!(f, " in `{handler}`")?;
        }
        match (self.phase, &self.upgrade) {
            (Phase::Request, _) => f.write_str(", waiting")?,
            (_, Some(upgrade)) => write!(f, ", changed to {upgrade}")?,
            (Phase::Body | Phase::Upgraded, None) => f.write_str(", sending its body")?,
        }
        write!(f, " for {:.1} s", self.seconds)?;
        match self.since_generation {
            Some(number) => write!(f, ", since generation {number}"),
            None => Ok(()),
        }
    }
}

/// Requests that wait: the oldest of each phase, and how many more there are.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct WaitingList {
    /// The oldest first.
    pub requests: Vec<WaitingRequest>,
    /// Those that are not listed.
    #[serde(skip_serializing_if = "MoreRequests::is_none")]
    pub more_requests: MoreRequests,
}

/// How many requests are not listed, by what they wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MoreRequests {
    /// The response.
    pub request: usize,
    /// The end of the response's body.
    pub body: usize,
    /// The end of a connection that has changed to another protocol.
    pub upgraded: usize,
}

impl MoreRequests {
    fn of(&mut self, phase: Phase) -> &mut usize {
        match phase {
            Phase::Request => &mut self.request,
            Phase::Body => &mut self.body,
            Phase::Upgraded => &mut self.upgraded,
        }
    }

    pub(super) fn sum(&self) -> usize {
        self.request + self.body + self.upgraded
    }

    fn is_none(&self) -> bool {
        self.sum() == 0
    }
}

impl WaitingList {
    /// Of requests in the order of their age, each with what it waits for.
    pub(super) fn of<'a, T: 'a>(
        requests: impl Iterator<Item = (Phase, &'a T)>,
        show: impl Fn(&T) -> WaitingRequest,
    ) -> Self {
        let (mut list, mut shown) = (Self::default(), MoreRequests::default());
        for (phase, request) in requests {
            let shown = shown.of(phase);
            if *shown < SHOWN {
                *shown += 1;
                list.requests.push(show(request));
            } else {
                *list.more_requests.of(phase) += 1;
            }
        }
        list
    }

    /// Leaves only those that have changed to another protocol, or only the others.
    pub fn retain_upgrades(&mut self, upgrades: bool) {
        let stays = |phase| (phase == Phase::Upgraded) == upgrades;
        self.requests.retain(|one| stays(one.phase));
        for phase in [Phase::Request, Phase::Body, Phase::Upgraded] {
            if !stays(phase) {
                *self.more_requests.of(phase) = 0;
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.requests.len() + self.more_requests.sum()
    }
}
