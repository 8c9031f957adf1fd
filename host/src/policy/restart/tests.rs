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

fn who(fingerprint: &str, generation: u64) -> Option<Culprit> {
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
        how: SEGV,
        who: who("a", 7),
        origin: StackSource::Disk,
        active: active(true),
        known_good: true,
    }
}

fn judged(crash: &Crash) -> RestartPlan {
    let (mut quarantine, mut backoff) = (Quarantine::default(), Backoff::default());
    plan_restart(crash, 0, &RULE, &mut quarantine, &mut backoff)
}

#[track_caller]
fn says(crash: &Crash, line: &str) {
    assert_eq!(judged(crash).to_string(), line);
}

#[test]
fn a_stack_that_crashes_on_probation_is_rolled_back() {
    says(
        &crash(),
        "`auth#basic` of generation 7 crashed the worker (SIGSEGV: it touched memory that is not \
         its own); rolled back to the last known good stack, which starts at once",
    );
    let nowhere = Crash {
        who: None,
        how: ExitReason::Signal(6),
        ..crash()
    };
    says(
        &nowhere,
        "the worker crashed outside of a handler (SIGABRT: it aborted); rolled back to the last \
         known good stack, which starts at once",
    );
    let exit = Crash {
        how: ExitReason::Exit(3),
        ..crash()
    };
    says(
        &exit,
        "`auth#basic` of generation 7 ended the process (exit code 3); rolled back to the last \
         known good stack, which starts at once",
    );
    let hung = Crash {
        how: ExitReason::Hung(Duration::from_secs(30)),
        ..crash()
    };
    says(
        &hung,
        "`auth#basic` of generation 7 blocked its thread (it hung for 30s); rolled back to the \
         last known good stack, which starts at once",
    );
}

#[test]
fn without_a_known_good_stack_or_after_probation_the_same_one_starts_again() {
    let cause = "`auth#basic` of generation 7 crashed the worker (SIGSEGV: it touched memory that \
                 is not its own); the active stack starts again at once";
    let first = Crash {
        known_good: false,
        ..crash()
    };
    says(&first, cause);
    let proven = Crash {
        active: active(false),
        ..crash()
    };
    says(&proven, cause);
}

#[test]
fn who_kills_from_outside_is_nobody_here() {
    let killed = Crash {
        how: KILL,
        who: None,
        ..crash()
    };
    says(
        &killed,
        "the worker was killed from outside (SIGKILL: most often out of memory); the active stack \
         starts again at once",
    );
    let early = Crash {
        active: None,
        ..killed.clone()
    };
    says(
        &early,
        "the worker was killed from outside (SIGKILL: most often out of memory) before it came to \
         serve; the stack on the disk is tried again at once",
    );
    let ended = Crash {
        how: ExitReason::Signal(15),
        ..killed
    };
    assert!(!judged(&ended).rolled_back);
}

#[test]
fn a_killing_that_last_words_explain_is_a_crash() {
    let killed = Crash {
        how: KILL,
        ..crash()
    };
    assert_eq!(judged(&killed).start, StackSource::KnownGood);
}

#[test]
fn a_generation_on_its_way_out_does_not_speak_against_the_active_one() {
    let draining = Crash {
        who: who("old", 6),
        ..crash()
    };
    let verdict = judged(&draining);
    assert_eq!(
        (verdict.start, verdict.rolled_back),
        (StackSource::Active, false)
    );
    let shared = Crash {
        who: who("b", 6),
        ..crash()
    };
    assert_eq!(judged(&shared).start, StackSource::KnownGood);
}

#[test]
fn a_candidate_that_crashes_is_left_alone_and_the_active_stack_goes_on() {
    let candidate = Crash {
        who: who("new", 8),
        active: active(false),
        ..crash()
    };
    says(
        &candidate,
        "`auth#basic` of generation 8 crashed the worker (SIGSEGV: it touched memory that is not \
         its own); the new stack is left alone until it changes, the active one starts again at \
         once",
    );
}

#[test]
fn a_start_that_fails_goes_to_the_known_good_stack_and_that_one_is_tried_again() {
    let (mut quarantine, mut backoff) = (Quarantine::default(), Backoff::default());
    let mut plan = |crash: &Crash| plan_restart(crash, 0, &RULE, &mut quarantine, &mut backoff);
    let disk = Crash {
        how: ExitReason::Exit(101),
        who: None,
        active: None,
        ..crash()
    };
    assert_eq!(
        plan(&disk).to_string(),
        "the worker ended by itself (exit code 101) before it came to serve; rolled back to the \
         last known good stack, which starts at once"
    );
    let good = Crash {
        origin: StackSource::KnownGood,
        known_good: false,
        ..disk.clone()
    };
    assert_eq!(
        plan(&good).to_string(),
        "the worker ended by itself (exit code 101) before it came to serve; the last known good \
         stack starts again in 100ms"
    );
    let only = Crash {
        known_good: false,
        ..disk
    };
    assert_eq!(
        plan(&only).to_string(),
        "the worker ended by itself (exit code 101) before it came to serve; the stack on the disk \
         is tried again in 200ms"
    );
}

#[test]
fn the_third_crash_of_a_library_quarantines_it_and_each_start_is_told() {
    let (mut quarantine, mut backoff) = (Quarantine::default(), Backoff::default());
    let mut plan = |crash: &Crash| plan_restart(crash, 0, &RULE, &mut quarantine, &mut backoff);
    let crash = Crash {
        who: who("0123456789abcdef", 7),
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
            "the active stack starts again in 200ms; its library 0123456789ab is quarantined, for \
             it crashes too often"
        ),
        "{line}"
    );
    let killed = Crash {
        how: KILL,
        who: None,
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
            how,
            who: runs.and_then(|(fingerprint, generation)| who(fingerprint, generation)),
            origin,
            active: served.and_then(active),
            known_good,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_crashes_the_promises_hold(
        schedule in prop::collection::vec((0..300_000_u64, crashes()), 1..40),
    ) {
        let (mut quarantine, mut backoff) = (Quarantine::default(), Backoff::default());
        let (mut now, mut starts) = (0, vec![0]);
        let mut counted: Vec<(String, u64)> = Vec::new();
        for (life, crash) in schedule {
            now += life;
            let verdict = plan_restart(&crash, now, &RULE, &mut quarantine, &mut backoff);

            let outside = crash.who.is_none() && matches!(crash.how, ExitReason::Signal(9 | 15));
            let generation = crash.who.as_ref().map(|who| who.generation);
            let of_active = match (&crash.active, &crash.who) {
                (Some(active), Some(who)) => {
                    who.generation == 7
                        || (who.generation < 7 && active.fingerprints.contains(&who.fingerprint))
                }
                _ => true,
            };
            let on_probation = crash.active.as_ref().is_some_and(|active| active.on_probation);
            if on_probation && of_active && crash.known_good && !outside {
                prop_assert_eq!(verdict.start, StackSource::KnownGood);
            }
            if outside {
                prop_assert!(!verdict.rolled_back && verdict.quarantined.is_none());
            }
            if verdict.start == StackSource::KnownGood {
                prop_assert!(crash.known_good || crash.origin == StackSource::KnownGood);
            }
            if crash.active.is_none() && crash.origin == StackSource::KnownGood {
                prop_assert!(verdict.start == StackSource::KnownGood && !verdict.rolled_back);
            }
            if crash.active.is_some() && !on_probation {
                prop_assert_eq!(verdict.start, StackSource::Active, "a proven stack stays");
                prop_assert_eq!(verdict.rolled_back, generation == Some(8));
            }
            if let Some(who) = &crash.who {
                counted.push((who.fingerprint.clone(), now));
            }
            if let Some(fingerprint) = &verdict.quarantined {
                let near = counted.iter().filter(|(other, moment)| {
                    other == fingerprint && now - moment <= 600_000
                });
                prop_assert!(near.count() >= 3);
            }
            // Nothing of the quarantine starts unannounced.
            let held: BTreeSet<&str> = quarantine.entries().map(|(held, _)| held).collect();
            let told: BTreeSet<&str> = verdict.out_of_service.iter().map(String::as_str).collect();
            prop_assert_eq!(held, told);

            now += u64::try_from(verdict.delay.as_millis()).unwrap();
            starts.push(now);
            prop_assert!(!verdict.to_string().contains('\n'));
        }
        for start in &starts {
            let minute = *start..start + 60_000;
            prop_assert!(starts.iter().filter(|start| minute.contains(start)).count() <= 150);
        }
    }
}
