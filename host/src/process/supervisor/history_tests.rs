use proptest::prelude::*;

use super::*;
use crate::load::library::Fingerprint;
use crate::load::snapshot::{SavedLibrary, SupervisorRules};

fn stack(generation: u64, state: &str) -> Snapshot {
    Snapshot {
        generation,
        state: state.to_owned(),
        manifest: String::new(),
        directory: None,
        libraries: Vec::new(),
        rules: SupervisorRules::default(),
    }
}

/// The stacks of these states, one generation after the other.
fn history(states: &[&str]) -> History {
    let mut history = History::default();
    for (generation, state) in (1..).zip(states) {
        history.serves(stack(generation, state), 1000 * generation);
    }
    history
}

fn target(history: &History, generation: Option<u64>) -> Result<u64, String> {
    history.target(generation).map(|stack| stack.generation)
}

#[test]
fn rollback_goes_further_back_each_time_and_never_to_what_was_rolled_back() {
    let mut history = history(&["a", "b", "c"]);
    assert_eq!(target(&history, None), Ok(2));
    history.serves(stack(4, "b"), 4000);
    history.rolled_back("c", "by hand");
    assert_eq!(target(&history, None), Ok(1));
    history.serves(stack(5, "a"), 5000);
    history.rolled_back("b", "by hand");
    let none = target(&history, None).unwrap_err();
    assert!(
        none.starts_with("there is no stack to go back to: "),
        "{none}"
    );
    // By its number each of them is there.
    assert_eq!(target(&history, Some(3)), Ok(3));
    let listed = history.to_json();
    let again: Vec<_> = (0..3)
        .map(|n| listed["stacks"][n]["again"].clone())
        .collect();
    assert_eq!(again, [json!(1), json!(2), Value::Null]);
}

#[test]
fn stack_that_serves_again_is_no_longer_rolled_back() {
    let mut history = history(&["a", "b", "a"]);
    history.rolled_back("b", "it crashed");
    assert!(target(&history, None).is_err());
    history.serves(stack(4, "b"), 4000);
    history.serves(stack(5, "a"), 5000);
    assert_eq!(target(&history, None), Ok(4));
}

#[test]
fn later_workers_serve_the_same_stack_as_other_generations() {
    let mut history = history(&["a", "b"]);
    history.serves(stack(3, "b"), 3000);
    history.serves(stack(4, "b"), 4000);
    for generation in 2..5 {
        let found = history.find(generation).map(|stack| stack.generation);
        assert_eq!(found, Some(4), "{generation}");
        let why = target(&history, Some(generation)).unwrap_err();
        assert!(why.ends_with("serves now"), "{why}");
    }
    assert_eq!(target(&history, Some(1)), Ok(1));
    let listed = history.to_json();
    assert_eq!(listed["stacks"][0]["at"], 2000);
    assert_eq!(listed["stacks"][1]["until"], 2000);
}

#[test]
fn same_library_is_kept_once() {
    let with = |generation: u64, state: &str, libraries: &[(&str, &str)]| {
        let libraries = libraries.iter().map(|(content, copy)| SavedLibrary {
            plugin: "p".to_owned(),
            path: None,
            file: "p.so".into(),
            fingerprint: Fingerprint::of(content.as_bytes()),
            copy: copy.into(),
        });
        Snapshot {
            libraries: libraries.collect(),
            ..stack(generation, state)
        }
    };
    let mut history = History::default();
    history.serves(with(1, "a", &[("x", "1/x"), ("y", "1/y")]), 0);
    history.serves(with(2, "b", &[("x", "2/x"), ("z", "2/z")]), 0);
    let copies = history.stacks().flat_map(|stack| &stack.libraries);
    let copies: Vec<_> = copies
        .map(|library| library.copy.display().to_string())
        .collect();
    assert_eq!(copies, ["2/x", "1/y", "2/x", "2/z"]);
    assert_eq!(history.give_up_earlier(), 1);
    assert_eq!(
        history
            .stacks()
            .map(|stack| stack.generation)
            .collect::<Vec<_>>(),
        [2]
    );
}

#[test]
fn generation_that_is_not_kept_is_an_error() {
    let states: Vec<_> = (0..9).map(|n| n.to_string()).collect();
    let history = history(&states.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(history.stacks().count(), EARLIER + 1);
    assert_eq!(target(&history, Some(6)), Ok(6));
    let why = target(&history, Some(5)).unwrap_err();
    assert!(
        why.starts_with("the stack of generation 5 is not kept"),
        "{why}"
    );
    assert!(why.contains("`stackup history`"), "{why}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn history_keeps_its_promises(steps in prop::collection::vec((0..5_u8, any::<bool>()), 1..60)) {
        let (mut history, mut generation) = (History::default(), 0);
        for (state, rolled_back) in steps {
            let state = state.to_string();
            let active = history.stacks().last().map(|stack| stack.state.clone());
            if rolled_back && active.as_ref() != Some(&state) {
                history.rolled_back(&state, "crash");
            } else {
                generation += 1;
                history.serves(stack(generation, &state), generation);
            }
            let active = history.stacks().last().map(|stack| stack.state.clone());
            prop_assert!(history.distinct() <= EARLIER + 1 && history.0.len() <= ENTRIES);
            if let Ok(target) = history.target(None) {
                prop_assert_ne!(Some(&target.state), active.as_ref());
                let served = history.0.iter().filter(|served| served.snapshot.state == target.state);
                prop_assert!(served.into_iter().all(|served| served.rolled_back.is_none()));
            }
            // Each generation that is kept is found once.
            for generation in 1..=generation {
                let found = history.0.iter().filter(|served| served.served_as(generation));
                prop_assert!(found.count() <= 1);
            }
        }
    }
}
