//! Identity across a swap, by examples and by properties.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::load::manifest::{Settings, Source, parse};
use crate::serve::stack::directives;

type Side = Vec<(u8, u8)>;

/// Spots and keys from so few that they meet.
fn side() -> impl Strategy<Value = Side> {
    prop::collection::vec((0..3u8, 0..4u8), 0..12)
}

fn counts(side: &Side) -> BTreeMap<u8, usize> {
    let mut counts = BTreeMap::new();
    for (_, key) in side {
        *counts.entry(*key).or_default() += 1;
    }
    counts
}

proptest! {
    #[test]
    fn each_instance_goes_on_once_and_with_its_own_key(old in side(), new in side()) {
        let matched = match_up(&old, &new);
        let mut used = HashSet::new();
        for (wanted, found) in new.iter().zip(&matched) {
            if let Some(at) = found {
                prop_assert!(used.insert(*at), "{at} is used twice");
                prop_assert_eq!(old[*at].1, wanted.1);
            }
        }
    }

    #[test]
    fn nothing_is_built_that_is_there(old in side(), new in side()) {
        let (before, after) = (counts(&old), counts(&new));
        let both = |key: &u8| before.get(key).copied().unwrap_or_default();
        let kept: usize = after.iter().map(|(key, count)| both(key).min(*count)).sum();
        prop_assert_eq!(match_up(&old, &new).iter().flatten().count(), kept);
    }

    #[test]
    fn a_new_order_builds_nothing((old, new) in side().prop_flat_map(|old| {
        (Just(old.clone()), Just(old).prop_shuffle())
    })) {
        prop_assert!(match_up(&old, &new).iter().all(Option::is_some));
    }

    #[test]
    fn who_stays_at_its_spot_is_not_moved(old in side(), new in side()) {
        let matched = match_up(&old, &new);
        for place in old.iter().chain(&new) {
            let stay = |side: &Side| side.iter().filter(|other| *other == place).count();
            let pairs = new.iter().zip(&matched).filter(|(wanted, found)| {
                *wanted == place && found.is_some_and(|at| old[at] == *place)
            });
            prop_assert_eq!(pairs.count(), stay(&old).min(stay(&new)));
        }
    }

    #[test]
    fn the_same_stack_is_the_same_in_order(old in side()) {
        let all: Vec<_> = (0..old.len()).map(Some).collect();
        prop_assert_eq!(match_up(&old, &old), all);
    }
}

#[test]
fn same_position_is_matched_before_order() {
    // The second of two equal ones goes into a map: the one that was in the map before stays there.
    let (old, new) = ([("/", 1), ("/a", 1)], [("/a", 1), ("/", 1), ("/b", 1)]);
    assert_eq!(match_up(&old, &new), [Some(1), Some(0), None]);
}

#[test]
fn handler_moved_to_another_level_is_reused() {
    assert_eq!(match_up(&[("/", 1)], &[("/a", 1)]), [Some(0)]);
    assert_eq!(match_up(&[("/", 1)], &[("/", 2)]), [None]);
}

#[test]
fn positions_are_in_the_order_of_the_directives() {
    let source = Source {
        path: PathBuf::from("config.ru.toml"),
        text: r#"
            use = ["a", "b"]
            run = "g"
            [[map]]
            path = "/x"
            host = "h"
            use = ["c"]
            [[map.map]]
            path = "/y"
            cascade = ["d", { use = ["e"], run = "f" }]
        "#
        .to_owned(),
    };
    let settings = Settings {
        environment: "production",
        variable: &|_| None,
        embedded: None,
    };
    let level = parse(&source, &settings).unwrap().manifest.stack;
    let names = directives(&level).into_iter().map(|d| d.plugin.as_str());
    let shown: Vec<String> = names
        .zip(positions(&level))
        .map(|(name, position)| {
            let maps = position.level.iter().map(|around| match around {
                Parent::Map(host, path) => {
                    format!("{}{path} ", host.as_deref().unwrap_or_default())
                }
                Parent::Branch(number) => format!("{number} "),
            });
            format!("{}{:?} {name}", maps.collect::<String>(), position.role)
        })
        .collect();
    let expected = [
        "Use a",
        "Use b",
        "h/x Use c",
        "h/x /y 0 Run d",
        "h/x /y 1 Use e",
        "h/x /y 1 Run f",
        "Run g",
    ];
    assert_eq!(shown, expected);
}
