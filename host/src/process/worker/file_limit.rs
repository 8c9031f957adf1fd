//! The limit of open files, and how many connections fit it.

use crate::load::manifest::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for this process: libraries, reloads, the log, sockets.
const RESERVED: u64 = 128;

/// The limit that `connections` need: each has its socket, and every second one a file that is sent.
fn needed(connections: usize) -> u64 {
    let connections = connections as u64;
    RESERVED + connections + connections / 2
}

/// How many connections fit a limit of open files.
fn fitting(limit: u64) -> usize {
    let reserved = RESERVED.min(limit / 2);
    let connections = (limit - reserved) * 2 / 3;
    usize::try_from(connections).unwrap_or(usize::MAX).max(1)
}

/// Raises the soft limit as far as `connections` need it, and the system allows it. Returns how many of them to take.
pub(super) fn connections(connections: usize) -> usize {
    let limit = raise(getrlimit(Resource::Nofile), needed(connections));
    let taken = connections.min(limit.map_or(usize::MAX, fitting));
    if taken < connections {
        let (limit, needed) = (limit.unwrap_or_default(), needed(connections));
        tracing::warn!(
            event = "connections-limited",
            connections = taken,
            "at most {taken} connections at a time, not {connections} (`[limits] connections`): this process may \
             open only {limit} files\n\nhelp: allow {needed} with `ulimit -n` or systemd's `LimitNOFILE=`, or set \
             `[limits] connections = {taken}`"
        );
    }
    taken
}

/// Raises the soft limit before the manifest is known.
pub(super) fn raise_for_start() {
    raise(
        getrlimit(Resource::Nofile),
        needed(Limits::default().connections),
    );
}

/// The soft limit after it was raised; none without a limit.
fn raise(limit: Rlimit, needed: u64) -> Option<u64> {
    let soft = limit.current?;
    let wanted = limit.maximum.map_or(needed, |hard| needed.min(hard));
    if wanted <= soft {
        return Some(soft);
    }
    let raised = Rlimit {
        current: Some(wanted),
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => Some(wanted),
        Err(_) => Some(soft),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_fit_leave_room_for_files() {
        for limit in [0, 1, 20, 64, 256, 1024, 20_000] {
            let fitting = fitting(limit);
            assert!(fitting >= 1);
            assert!(
                limit < 256 || needed(fitting) <= limit,
                "{limit}: {fitting}"
            );
        }
        assert_eq!(fitting(256), 85);
        assert!(fitting(needed(10_000)) >= 10_000);
    }

    #[test]
    fn soft_limit_is_not_lowered() {
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(raise(limit, 0), limit.current);
    }
}
