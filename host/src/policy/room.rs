//! Which connections make room for new clients once the limit of connections is reached.
//!
//! Only a connection whose client lets the server wait can make room. One whose handler works, or waits for something
//! else, keeps its place.

use std::time::Duration;

/// What a connection waits for from its client, in the order in which connections make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientWait {
    /// The next request.
    Idle,
    /// The client's half to close, after the last response.
    Close,
    /// The rest of a request's head.
    Head,
    /// More of a request's body.
    Body,
    /// Room in the socket for more of a response.
    Send,
}

impl ClientWait {
    /// How long a connection waits before it may have to make room, so that a prompt client is never cut off. An idle
    /// connection has nothing to lose.
    fn grace(self) -> Duration {
        match self {
            Self::Idle => Duration::ZERO,
            Self::Close | Self::Head | Self::Body | Self::Send => GRACE,
        }
    }

    /// At most this many of `waiting` connections make room at a time: enough to spare the next clients the search, where
    /// no request is lost by it.
    fn at_a_time(self, waiting: usize) -> usize {
        match self {
            Self::Idle | Self::Close | Self::Head => (waiting / 8).clamp(1, 32),
            Self::Body | Self::Send => 1,
        }
    }
}

/// Well below the quarter of a second in which a new client should get its answer.
const GRACE: Duration = Duration::from_millis(150);

/// The connections that make room now: of those that wait for the least, the ones that have waited longest. Each comes as
/// a key, what it waits for, and since when, the oldest connection first; times are in milliseconds of any clock.
pub fn make_room<K>(waiting: impl IntoIterator<Item = (K, ClientWait, u64)>, now: u64) -> Vec<K> {
    let mut least: Option<ClientWait> = None;
    let mut found: Vec<(u64, usize, K)> = Vec::new();
    for (place, (key, wait, since)) in waiting.into_iter().enumerate() {
        if least.is_some_and(|least| wait > least)
            || Duration::from_millis(now.saturating_sub(since)) < wait.grace()
        {
            continue;
        }
        if least != Some(wait) {
            least = Some(wait);
            found.clear();
        }
        found.push((since, place, key));
    }
    let Some(least) = least else {
        return Vec::new();
    };
    let count = least.at_a_time(found.len());
    if count < found.len() {
        found.select_nth_unstable_by_key(count, |(since, place, _)| (*since, *place));
        found.truncate(count);
    }
    found.into_iter().map(|(_, _, key)| key).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [ClientWait; 5] = [
        ClientWait::Idle,
        ClientWait::Close,
        ClientWait::Head,
        ClientWait::Body,
        ClientWait::Send,
    ];

    #[test]
    fn longest_idle_connection_makes_room_first() {
        let waiting = [
            ("upload", ClientWait::Body, 0),
            ("young", ClientWait::Idle, 9_000),
            ("old", ClientWait::Idle, 2_000),
            ("head", ClientWait::Head, 0),
        ];
        assert_eq!(make_room(waiting, 10_000), ["old"]);
    }

    #[test]
    fn prompt_clients_keep_their_places() {
        let waiting = [
            ("upload", ClientWait::Body, 9_900),
            ("head", ClientWait::Head, 9_900),
        ];
        assert!(make_room(waiting, 10_000).is_empty());
        assert_eq!(make_room(waiting, 10_050), ["head"]);
    }

    fn waiting() -> impl Strategy<Value = Vec<(ClientWait, u64)>> {
        prop::collection::vec((prop::sample::select(&ALL), 0..2_000_u64), 0..400)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn those_that_wait_for_the_least_leave_the_longest_first(waiting in waiting(), now in 0..2_500_u64) {
            let keyed = waiting.iter().enumerate().map(|(key, (wait, since))| (key, *wait, *since));
            let leaving = make_room(keyed, now);
            let overdue = |(wait, since): &(ClientWait, u64)| {
                Duration::from_millis(now.saturating_sub(*since)) >= wait.grace()
            };
            let candidates: Vec<_> = waiting.iter().filter(|one| overdue(one)).collect();
            // Somebody leaves if anybody can, and only those that have had their grace.
            prop_assert_eq!(leaving.is_empty(), candidates.is_empty());
            let mut left: Vec<_> = leaving.iter().map(|key| waiting[*key]).collect();
            prop_assert!(left.iter().all(overdue));
            let Some(least) = candidates.iter().map(|(wait, _)| *wait).min() else { return Ok(()) };
            let mut class: Vec<_> = candidates.into_iter().filter(|(wait, _)| *wait == least).copied().collect();
            prop_assert!(left.len() <= least.at_a_time(class.len()));
            class.sort_unstable();
            left.sort_unstable();
            prop_assert_eq!(&left[..], &class[..left.len()]);
            // No connection is named twice.
            let mut keys = leaving.clone();
            keys.sort_unstable();
            keys.dedup();
            prop_assert_eq!(keys.len(), leaving.len());
        }
    }
}
