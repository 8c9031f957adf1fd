//! Tasks that outlive the requests which spawned them.

use std::time::Duration;

use crate::{Kind, Offence};

/// One task that goes on is a handler's own; some may be about to end.
const TASKS: usize = 8;

/// Judges a handler of which so many requests, ended for at least `time`, have a task of this name.
pub fn piled_up(name: &str, requests: usize, time: Duration) -> Option<Offence> {
    let message = || {
        format!("{requests} requests that ended more than {time:?} ago have still a task `{name}`")
    };
    (requests >= TASKS).then(|| Offence::new(Kind::Pile, message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_tasks_may_go_on_and_a_pile_not() {
        let time = Duration::from_secs(10);
        assert_eq!(piled_up("mail", 7, time), None);
        let offence = piled_up("mail", 8, time).map(|offence| offence.to_string());
        let expected = "K3: 8 requests that ended more than 10s ago have still a task `mail`; end a task when \
                        nobody needs what it does, or give one task all the work";
        assert_eq!(offence.as_deref(), Some(expected));
    }
}
