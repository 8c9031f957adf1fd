//! The books by example: who is alive, who holds what, and what is left.

use std::future::pending;

use http::Request;
use stackup_plugin::abi::host::TaskScope;
use tokio::runtime::Runtime;

use super::super::waiting::{Phase, RequestWait};
use super::*;

const DEADLINE: Duration = Duration::from_secs(30);

struct Stage {
    state: State,
    start: Instant,
    runtime: Runtime,
}

impl Stage {
    fn new() -> Self {
        Self {
            state: State::default(),
            start: Instant::now(),
            runtime: Runtime::new().unwrap(),
        }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    /// An instance's tasks, one of which runs.
    fn task(&self, name: &str) -> Arc<Tasks> {
        let tasks = Tasks::new(self.runtime.handle().clone());
        tasks.spawn("app", name, Box::pin(pending()));
        Arc::new(tasks)
    }

    /// Generation `number` serves from this second on.
    fn swaps(&mut self, number: u64, second: u64, tasks: &[&Arc<Tasks>]) -> Arc<WaitingRequests> {
        let waiting = Arc::new(WaitingRequests::default());
        let live = GenerationEntry {
            number,
            since: self.at(second),
            stack: Vec::new(),
            health: Vec::new(),
            tasks: tasks.iter().map(|one| Arc::clone(one)).collect(),
            waiting: Arc::clone(&waiting),
            drain: DrainState::new(Vec::new(), Arc::default()),
        };
        let now = self.at(second);
        self.state
            .swapped(Some(live), now, DrainTimes::all(DEADLINE));
        waiting
    }

    fn tasks_of(&self, number: u64) -> Vec<String> {
        let held = self.state.held_by(number, self.at(100));
        held.tasks.into_iter().map(|task| task.name).collect()
    }
}

#[test]
fn replaced_generations_drain_until_they_have_drained() {
    let mut stage = Stage::new();
    for (number, second) in [(1, 0), (2, 10), (3, 20)] {
        stage.swaps(number, second, &[]);
    }
    let status = stage.state.status(stage.at(25));
    let active = status.active.unwrap();
    assert_eq!((active.number, active.seconds), (3, 5.0));
    let draining = |status: &[DrainingGeneration]| -> Vec<_> {
        let one = |d: &DrainingGeneration| (d.number, d.seconds, d.deadline_seconds, d.stuck);
        status.iter().map(one).collect()
    };
    let (first, second) = ((1, 15.0, 15.0, false), (2, 5.0, 25.0, false));
    assert_eq!(draining(&status.draining), [first, second]);
    stage.state.drained(1);
    stage.state.stuck(2);
    let status = stage.state.status(stage.at(99));
    assert_eq!(draining(&status.draining), [(2, 79.0, 0.0, true)]);
    assert_eq!((status.retired, status.resting_bytes), (1, 0));
}

#[test]
fn request_is_listed_with_its_own_generation() {
    let mut stage = Stage::new();
    let first = stage.swaps(1, 0, &[]);
    let second = stage.swaps(2, 0, &[]);
    let mut waits: Vec<RequestWait> = Vec::new();
    for (registry, path) in [(&first, "/old"), (&second, "/new")] {
        let mut wait = RequestWait::of(&Request::get(path).body(()).unwrap());
        wait.is(registry, Phase::Request, None, None);
        waits.push(wait);
    }
    let held = stage.state.held_by(1, stage.at(1));
    assert_eq!(held.waiting.requests.len(), 1);
    assert_eq!(held.waiting.requests[0].path, "/old");
    drop(waits);
    assert_eq!(stage.state.held_by(1, stage.at(1)), HeldBy::default());
}

#[test]
fn task_is_listed_with_the_last_generation_that_has_it() {
    let mut stage = Stage::new();
    let (old, shared, active) = (
        stage.task("old"),
        stage.task("shared"),
        stage.task("active"),
    );
    stage.swaps(1, 0, &[&old, &shared, &active]);
    stage.swaps(2, 0, &[&shared, &active]);
    stage.swaps(3, 0, &[&active]);
    assert_eq!(stage.tasks_of(1), ["old"]);
    assert_eq!(stage.tasks_of(2), ["shared"]);
    assert!(stage.tasks_of(3).is_empty(), "it does not drain");
    // The newer one is gone first: the older one ends it.
    stage.state.drained(2);
    assert_eq!(stage.tasks_of(1), ["old", "shared"]);
    // And at the end of all.
    stage
        .state
        .swapped(None, stage.at(0), DrainTimes::all(DEADLINE));
    assert_eq!(stage.tasks_of(3), ["active"]);
    assert!(stage.state.status(stage.at(0)).active.is_none());
}

#[test]
fn status_serializes_every_field() {
    let mut stage = Stage::new();
    let registry = stage.swaps(1, 0, &[]);
    stage.swaps(2, 0, &[]);
    let mut wait = RequestWait::of(&Request::get("/slow?secret=1").body(()).unwrap());
    wait.is(&registry, Phase::Request, Some("app"), None);
    let line = |label: &str, instance| StackLine {
        depth: 0,
        label: label.to_owned(),
        instance,
    };
    let instance = super::super::status::StackInstance {
        handler: "app".to_owned(),
        version: "0.1.0".to_owned(),
        fingerprint: "0123".to_owned(),
        born: 1,
        kept: true,
    };
    let active = stage.state.active.as_mut().unwrap();
    active.stack = vec![line("map /a", None), line("run app", Some(instance))];
    let mut shown = serde_json::to_value(stage.state.status(stage.at(2))).unwrap();
    // Its clock is the registry's own.
    shown["draining"][0]["held_by"]["requests"][0]["seconds"] = 0.into();
    let expected = serde_json::json!({
        "active": {
            "number": 2,
            "seconds": 2.0,
            "stack": [
                { "depth": 0, "label": "map /a" },
                {
                    "depth": 0, "label": "run app", "handler": "app", "version": "0.1.0",
                    "fingerprint": "0123", "born": 1, "kept": true,
                },
            ],
            "requests": [],
            "handlers": [],
        },
        "draining": [{
            "number": 1,
            "seconds": 2.0,
            "deadline_seconds": 28.0,
            "upgrade_deadline_seconds": 28.0,
            "stuck": false,
            "held_by": {
                "requests": [{
                    "method": "GET", "path": "/slow", "seconds": 0, "phase": "request",
                    "handler": "app",
                }],
                "kept": 0,
                "tasks": [],
            },
        }],
        "retired": 0,
        "resting_bytes": 0,
    });
    assert_eq!(shown, expected);
}
