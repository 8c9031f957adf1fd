//! Checks that the tasks of requests do not pile up.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use contract::check_task_pile_up;
use stackup_plugin::abi::host::{TaskControl, TaskScope};

use super::layer::HandlerId;
use super::request::RequestCheck;
use super::running;

/// How long a task may outlive its request before it counts.
const LONG: Duration = Duration::from_secs(10);

/// Runs an instance's tasks in another scope, and counts the tasks that requests have spawned.
pub struct CheckedTasks {
    scope: Arc<dyn TaskScope>,
    handler: HandlerId,
    alive: Arc<Mutex<Vec<Alive>>>,
    last: AtomicU64,
}

/// A task that a request has spawned.
#[derive(Debug)]
struct Alive {
    number: u64,
    name: String,
    check: Arc<RequestCheck>,
}

impl CheckedTasks {
    /// Checks the tasks that `handler` runs in `scope`.
    pub fn new(scope: Arc<dyn TaskScope>, handler: HandlerId) -> Self {
        Self {
            scope,
            handler,
            alive: Arc::default(),
            last: AtomicU64::new(0),
        }
    }
}

impl TaskScope for CheckedTasks {
    fn spawn(
        &self,
        handler: &str,
        name: &str,
        task: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Box<dyn TaskControl> {
        let Some(check) = running::check() else {
            return self.scope.spawn(handler, name, task);
        };
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let mut alive = lock(&self.alive);
        let left = left_behind(&alive, name, Instant::now());
        alive.push(Alive {
            number,
            name: name.to_owned(),
            check: Arc::clone(&check),
        });
        drop(alive);
        if let Some(offence) = check_task_pile_up(name, left, LONG) {
            check.report(&self.handler, &offence);
        }
        let end = End {
            number,
            alive: Arc::clone(&self.alive),
        };
        let task = async move {
            let _end = end;
            task.await;
        };
        self.scope.spawn(handler, name, Box::pin(task))
    }
}

/// How many requests that ended long ago have a task of this name.
fn left_behind(alive: &[Alive], name: &str, now: Instant) -> usize {
    let long = |check: &RequestCheck| check.ended_for(now).is_some_and(|time| time >= LONG);
    let left = alive
        .iter()
        .filter(|task| task.name == name && long(&task.check));
    let mut requests: Vec<_> = left.map(|task| task.check.request).collect();
    requests.sort_unstable();
    requests.dedup();
    requests.len()
}

/// Takes a task off the list when it is dropped.
struct End {
    number: u64,
    alive: Arc<Mutex<Vec<Alive>>>,
}

impl Drop for End {
    fn drop(&mut self) {
        lock(&self.alive).retain(|task| task.number != self.number);
    }
}

fn lock(alive: &Mutex<Vec<Alive>>) -> MutexGuard<'_, Vec<Alive>> {
    alive.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::develop::lint::Findings;

    #[test]
    fn tasks_count_once_per_request_that_ended_long_ago() {
        let findings = Arc::new(Findings::new(|_| ()));
        let check = |number, ended: bool| {
            let check = RequestCheck::new(number, String::new(), Arc::clone(&findings), None);
            if ended {
                check.ended();
            }
            Arc::new(check)
        };
        let (one, two, under_way) = (check(1, true), check(2, true), check(3, false));
        let task = |name: &str, check: &Arc<RequestCheck>| Alive {
            number: 0,
            name: name.to_owned(),
            check: Arc::clone(check),
        };
        let alive = [
            task("mail", &one),
            task("mail", &one),
            task("mail", &two),
            task("other", &two),
            task("mail", &under_way),
        ];
        let now = Instant::now();
        assert_eq!(left_behind(&alive, "mail", now), 0, "they have just ended");
        let later = now + LONG;
        assert_eq!(left_behind(&alive, "mail", later), 2);
        assert_eq!(left_behind(&alive, "other", later), 1);
        assert_eq!(left_behind(&alive, "none", later), 0);
    }
}
