//! The tasks of requests, which must not pile up.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use contract::piled_up;
use stackup_plugin::abi::host::{Scope, TaskControl};

use super::case::Case;
use super::layer::Culprit;
use super::running;

/// As long may a task go on when its request has ended before it counts.
const LONG: Duration = Duration::from_secs(10);

/// Runs an instance's tasks as another scope does, and counts those that requests have spawned.
pub struct Overseen {
    scope: Arc<dyn Scope>,
    culprit: Culprit,
    alive: Arc<Mutex<Vec<Alive>>>,
    last: AtomicU64,
}

/// A task that a request has spawned.
#[derive(Debug)]
struct Alive {
    number: u64,
    name: String,
    case: Arc<Case>,
}

impl Overseen {
    /// Those of this handler.
    pub fn new(scope: Arc<dyn Scope>, culprit: Culprit) -> Self {
        Self {
            scope,
            culprit,
            alive: Arc::default(),
            last: AtomicU64::new(0),
        }
    }
}

impl Scope for Overseen {
    fn spawn(
        &self,
        handler: &str,
        name: &str,
        task: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Box<dyn TaskControl> {
        let Some(case) = running::case() else {
            return self.scope.spawn(handler, name, task);
        };
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let mut alive = lock(&self.alive);
        let left = left_behind(&alive, name, Instant::now());
        alive.push(Alive {
            number,
            name: name.to_owned(),
            case: Arc::clone(&case),
        });
        drop(alive);
        if let Some(offence) = piled_up(name, left, LONG) {
            case.found(&self.culprit, &offence);
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
    let long = |case: &Case| case.over_for(now).is_some_and(|time| time >= LONG);
    let left = alive
        .iter()
        .filter(|task| task.name == name && long(&task.case));
    let mut requests: Vec<_> = left.map(|task| task.case.request).collect();
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
    use crate::develop::lint::Ledger;

    #[test]
    fn tasks_of_one_name_count_once_for_each_request_that_ended_long_ago() {
        let ledger = Arc::new(Ledger::new(|_| ()));
        let case = |number, ended: bool| {
            let case = Case::new(number, String::new(), Arc::clone(&ledger), None);
            if ended {
                case.ended();
            }
            Arc::new(case)
        };
        let (one, two, under_way) = (case(1, true), case(2, true), case(3, false));
        let task = |name: &str, case: &Arc<Case>| Alive {
            number: 0,
            name: name.to_owned(),
            case: Arc::clone(case),
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
