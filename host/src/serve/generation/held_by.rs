//! What keeps a generation from ending: its requests that wait, and the tasks that end with it.

use std::fmt;

use serde::Serialize;

use super::waiting_list::{SHOWN, WaitingList};
use crate::services::RunningTask;

/// What keeps a generation from ending.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct HeldBy {
    /// The requests that wait and end at the deadline.
    #[serde(flatten)]
    pub waiting: WaitingList,
    /// How many requests hold it that have no deadline: the active generation has all their handlers.
    pub kept: usize,
    /// The tasks of the instances that retire with it.
    pub tasks: Vec<RunningTask>,
}

impl fmt::Display for HeldBy {
    /// One per line, and how many more there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self
            .waiting
            .requests
            .iter()
            .map(|one| one as &dyn fmt::Display);
        let tasks = self.tasks.iter().map(|one| one as &dyn fmt::Display);
        let mut separator = "";
        for one in requests.chain(tasks).take(SHOWN) {
            write!(f, "{separator}{one}")?;
            separator = "\n";
        }
        match (self.waiting.count() + self.tasks.len()).checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "{separator}and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::waiting::Phase;
    use super::super::waiting_list::WaitingRequest;
    use super::*;

    fn held(requests: usize, tasks: usize) -> String {
        let numbers: Vec<_> = (0..requests).collect();
        let request = |number: &usize| WaitingRequest {
            method: "GET".to_owned(),
            path: format!("/{number}"),
            seconds: 1.0,
            phase: Phase::Request,
            handler: None,
            since_generation: None,
            upgrade: None,
        };
        let task = |number| RunningTask {
            handler: "app".to_owned(),
            name: format!("task {number}"),
            seconds: 2.0,
        };
        HeldBy {
            waiting: WaitingList::of(numbers.iter().map(|one| (Phase::Request, one)), request),
            kept: 0,
            tasks: (0..tasks).map(task).collect(),
        }
        .to_string()
    }

    #[test]
    fn holders_are_listed_one_per_line() {
        let all = "GET /0, waiting for 1.0 s\ntask `task 0` of `app`, running for 2.0 s";
        assert_eq!(held(1, 1), all);
        assert_eq!(held(0, 0), "");
    }

    #[test]
    fn holders_beyond_the_limit_are_counted() {
        assert_eq!(held(19, 1).lines().count(), 20);
        assert!(held(19, 2).ends_with("`app`, running for 2.0 s\nand 1 more"));
        assert_eq!(held(500, 0).lines().last(), Some("and 480 more"));
    }
}
