//! Tasks that outlive the requests that spawned them.

use std::time::Duration;

use crate::{Kind, Violation};

/// Fewer tasks than this are no pile-up: a handler may have one of its own, and some may be about to end.
const MIN_TASKS: usize = 8;

/// Checks a handler with `requests` requests that ended at least `time` ago and still have a task `name`.
pub fn check_task_pile_up(name: &str, requests: usize, time: Duration) -> Option<Violation> {
    let message = || {
        format!("{requests} requests that ended more than {time:?} ago still have a task `{name}`")
    };
    (requests >= MIN_TASKS).then(|| Violation::new(Kind::TaskPileUp, message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_leftover_tasks_are_a_pile_up() {
        let time = Duration::from_secs(10);
        assert_eq!(check_task_pile_up("mail", 7, time), None);
        let violation = check_task_pile_up("mail", 8, time).map(|violation| violation.to_string());
        let expected = "K3: 8 requests that ended more than 10s ago still have a task `mail`; end a task when \
                        its work is no longer needed, or give all the work to one task";
        assert_eq!(violation.as_deref(), Some(expected));
    }
}
