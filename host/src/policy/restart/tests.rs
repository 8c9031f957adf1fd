use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::policy::ExitReason;

const RULE: QuarantineRule = QuarantineRule {
    crashes: 3,
    window: Duration::from_secs(600),
};
const SEGV: ExitReason = ExitReason::Signal(11);
const KILL: ExitReason = ExitReason::Signal(9);

fn culprit(fingerprint: &str, generation: u64) -> Option<Culprit> {
    Some(Culprit {
        handler: "auth#basic".into(),
        plugin: "auth".into(),
        fingerprint: fingerprint.into(),
        generation,
    })
}

/// Generation 7, of the libraries `a` and `b`.
fn active(on_probation: bool) -> Option<ActiveStack> {
    Some(ActiveStack {
        generation: 7,
        on_probation,
        fingerprints: ["a", "b"].map(str::to_owned).into(),
    })
}

/// `auth#basic` crashes generation 7, which is on probation; there is a known good stack.
fn crash() -> Crash {
    Crash {
        reason: SEGV,
        culprit: culprit("a", 7),
        origin: StackSource::Disk,
        active: active(true),
        served: Duration::ZERO,
        known_good: true,
    }
}

fn plan_for(crash: &Crash) -> RestartPlan {
    let (mut quarantine, mut backoff) = (Quarantine::default(), Backoff::default());
    plan_restart(crash, 0, &RULE, &mut quarantine, &mut backoff)
}

#[track_caller]
fn assert_message(crash: &Crash, line: &str) {
    assert_eq!(plan_for(crash).to_string(), line);
}

#[test]
fn crash_on_probation_rolls_back() {
    assert_message(
        &crash(),
        "`auth#basic` of generation 7 crashed the worker (SIGSEGV: it accessed memory that is not \
         its own); rolled back to the last known good stack, which starts at once",
    );
    let nowhere = Crash {
        culprit: None,
        reason: ExitReason::Signal(6),
        ..crash()
    };
    assert_message(
        &nowhere,
        "the worker crashed outside any handler (SIGABRT: it aborted); rolled back to the last \
         known good stack, which starts at once",
    );
    let exit = Crash {
        reason: ExitReason::Exit(3),
        ..crash()
    };
    assert_message(
        &exit,
        "`auth#basic` of generation 7 ended the process (exit code 3); rolled back to the last \
         known good stack, which starts at once",
    );
    let hung = Crash {
        reason: ExitReason::Hung(Duration::from_secs(30)),
        ..crash()
    };
    assert_message(
        &hung,
        "`auth#basic` of generation 7 blocked its thread (it hung for 30s); rolled back to the \
         last known good stack, which starts at once",
    );
}

#[test]
fn crash_after_probation_or_without_known_good_restarts_the_same_stack() {
    let cause = "`auth#basic` of generation 7 crashed the worker (SIGSEGV: it accessed memory that \
                 is not its own); the active stack starts again at once";
    let first = Crash {
        known_good: false,
        ..crash()
    };
    assert_message(&first, cause);
    let proven = Crash {
        active: active(false),
        ..crash()
    };
    assert_message(&proven, cause);
}

#[test]
fn external_kill_blames_no_plugin() {
    let killed = Crash {
        reason: KILL,
        culprit: None,
        ..crash()
    };
    assert_message(
        &killed,
        "the worker was killed from outside (SIGKILL: often the out-of-memory killer); the active stack \
         starts again at once",
    );
    let early = Crash {
        active: None,
        ..killed.clone()
    };
    assert_message(
        &early,
        "the worker was killed from outside (SIGKILL: often the out-of-memory killer) before it served; the stack on disk is tried again at once",
    );
    let ended = Crash {
        reason: ExitReason::Signal(15),
        ..killed
    };
    assert!(!plan_for(&ended).rolled_back);
}

#[test]
fn stopped_worker_blames_no_plugin_and_a_silent_one_its_stack() {
    let stopped = Crash {
        reason: ExitReason::Stopped(Duration::from_secs(10)),
        culprit: None,
        ..crash()
    };
    assert_message(
        &stopped,
        "the worker was stopped from outside (it did not answer for 10s); the active stack starts again at once",
    );
    let silent = Crash {
        reason: ExitReason::Hung(Duration::from_secs(10)),
        ..stopped
    };
    assert_message(
        &silent,
        "the worker did not answer (it hung for 10s); rolled back to the last known good stack, which starts at once",
    );
}

#[test]
fn kill_with_last_words_is_a_crash() {
    let killed = Crash {
        reason: KILL,
        ..crash()
    };
    assert_eq!(plan_for(&killed).start, StackSource::KnownGood);
}

#[test]
fn crash_of_a_draining_generation_does_not_blame_the_active_one() {
    let draining = Crash {
        culprit: culprit("old", 6),
        ..crash()
    };
    let plan = plan_for(&draining);
    assert_eq!((plan.start, plan.rolled_back), (StackSource::Active, false));
    let shared = Crash {
        culprit: culprit("b", 6),
        ..crash()
    };
    assert_eq!(plan_for(&shared).start, StackSource::KnownGood);
}

#[test]
fn crashing_candidate_is_rejected_and_the_active_stack_restarts() {
    let candidate = Crash {
        culprit: culprit("new", 8),
        active: active(false),
        ..crash()
    };
    assert_message(
        &candidate,
        "`auth#basic` of generation 8 crashed the worker (SIGSEGV: it accessed memory that is not \
         its own); the new stack is not tried again until it changes; the active one starts again \
         at once",
    );
}

#[test]
fn failed_start_falls_back_to_known_good_which_is_retried() {
    let (mut quarantine, mut backoff) = (Quarantine::default(), Backoff::default());
    let mut plan = |crash: &Crash| plan_restart(crash, 0, &RULE, &mut quarantine, &mut backoff);
    let disk = Crash {
        reason: ExitReason::Exit(101),
        culprit: None,
        active: None,
        ..crash()
    };
    assert_eq!(
        plan(&disk).to_string(),
        "the worker exited (exit code 101) before it served; rolled back to the \
         last known good stack, which starts at once"
    );
    let good = Crash {
        origin: StackSource::KnownGood,
        known_good: false,
        ..disk.clone()
    };
    assert_eq!(
        plan(&good).to_string(),
        "the worker exited (exit code 101) before it served; the last known good \
         stack starts again in 100ms"
    );
    let only = Crash {
        known_good: false,
        ..disk
    };
    assert_eq!(
        plan(&only).to_string(),
        "the worker exited (exit code 101) before it served; the stack on disk \
         is tried again in 200ms"
    );
}

#[test]
fn third_crash_quarantines_and_every_plan_lists_the_library() {
    let (mut quarantine, mut backoff) = (Quarantine::default(), Backoff::default());
    let mut plan = |crash: &Crash| plan_restart(crash, 0, &RULE, &mut quarantine, &mut backoff);
    let crash = Crash {
        culprit: culprit("0123456789abcdef", 7),
        active: active(false),
        ..crash()
    };
    assert!(plan(&crash).out_of_service.is_empty());
    plan(&crash);
    let third = plan(&crash);
    assert_eq!(third.quarantined.as_deref(), Some("0123456789abcdef"));
    let line = third.to_string();
    assert!(
        line.ends_with(
            "the active stack starts again in 200ms; its library 0123456789ab is quarantined \
             because it crashes too often"
        ),
        "{line}"
    );
    let killed = Crash {
        reason: KILL,
        culprit: None,
        ..crash
    };
    let next = plan(&killed);
    assert_eq!(next.quarantined, None);
    assert_eq!(next.out_of_service, ["0123456789abcdef"]);
}

fn crashes() -> impl Strategy<Value = Crash> {
    let how = prop_oneof![
        Just(SEGV),
        Just(KILL),
        Just(ExitReason::Signal(15)),
        Just(ExitReason::Exit(0)),
        Just(ExitReason::Hung(Duration::from_secs(30))),
        Just(ExitReason::Stopped(Duration::from_secs(10))),
    ];
    let fingerprint = prop::sample::select(vec!["a", "b", "old", "new"]);
    let runs = prop::option::of((fingerprint, 6..9_u64));
    let origin = prop::sample::select(vec![
        StackSource::KnownGood,
        StackSource::Active,
        StackSource::Disk,
    ]);
    let served = prop::option::of(any::<bool>());
    (how, runs, origin, served, any::<bool>()).prop_map(
        |(how, runs, origin, served, known_good)| Crash {
            reason: how,
            culprit: runs.and_then(|(fingerprint, generation)| culprit(fingerprint, generation)),
            origin,
            active: served.and_then(active),
            served: Duration::ZERO,
            known_good,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plan_keeps_its_promises_for_any_crashes(
        schedule in prop::collection::vec((0..300_000_u64, crashes()), 1..40),
    ) {
        let (mut quarantine, mut backoff) = (Quarantine::default(), Backoff::default());
        let (mut now, mut starts) = (0, vec![0]);
        let mut counted: Vec<(String, u64)> = Vec::new();
        for (life, mut crash) in schedule {
            now += life;
            crash.served = Duration::from_millis(life);
            let plan = plan_restart(&crash, now, &RULE, &mut quarantine, &mut backoff);

            let outside = crash.culprit.is_none() && matches!(crash.reason, ExitReason::Signal(9 | 15) | ExitReason::Stopped(_));
            let generation = crash.culprit.as_ref().map(|culprit| culprit.generation);
            let of_active = match (&crash.active, &crash.culprit) {
                (Some(active), Some(culprit)) => {
                    culprit.generation == 7
                        || (culprit.generation < 7 && active.fingerprints.contains(&culprit.fingerprint))
                }
                _ => true,
            };
            let on_probation = crash.active.as_ref().is_some_and(|active| active.on_probation);
            if on_probation && of_active && crash.known_good && !outside {
                prop_assert_eq!(plan.start, StackSource::KnownGood);
            }
            if outside {
                prop_assert!(!plan.rolled_back && plan.quarantined.is_none());
            }
            if plan.start == StackSource::KnownGood {
                prop_assert!(crash.known_good || crash.origin == StackSource::KnownGood);
            }
            if crash.active.is_none() && crash.origin == StackSource::KnownGood {
                prop_assert!(plan.start == StackSource::KnownGood && !plan.rolled_back);
            }
            if crash.active.is_some() && !on_probation {
                prop_assert_eq!(plan.start, StackSource::Active, "a proven stack stays");
                prop_assert_eq!(plan.rolled_back, generation == Some(8));
            }
            if let Some(culprit) = &crash.culprit {
                counted.push((culprit.fingerprint.clone(), now));
            }
            if let Some(fingerprint) = &plan.quarantined {
                let near = counted.iter().filter(|(other, moment)| {
                    other == fingerprint && now - moment <= 600_000
                });
                prop_assert!(near.count() >= 3);
            }
            // Every plan lists all quarantined libraries.
            let held: BTreeSet<&str> = quarantine.entries().map(|(held, _)| held).collect();
            let listed: BTreeSet<&str> = plan.out_of_service.iter().map(String::as_str).collect();
            prop_assert_eq!(held, listed);

            now += u64::try_from(plan.delay.as_millis()).unwrap();
            starts.push(now);
            prop_assert!(!plan.to_string().contains('\n'));
        }
        for start in &starts {
            let minute = *start..start + 60_000;
            prop_assert!(starts.iter().filter(|start| minute.contains(start)).count() <= 150);
        }
    }
}
