//! Requests and the generations that replace theirs, by every order of swaps and deadlines.

use std::task::Waker;

use proptest::prelude::*;

use super::super::active::Active;
use super::super::drain_state::DrainDeadline;
use super::super::instance::InstanceId;
use super::super::placeholder::empty_manifest;
use super::*;
use crate::serve::stack::{Levels, Stack};

/// A stack of a layer around everything, and two maps with a layer each: positions 0, 1 and 2, levels 0, 1 and 2.
pub(in super::super) fn generation(number: u64, instances: &[InstanceId; 3]) -> Arc<Generation> {
    let levels = Levels::of(vec![vec![0, 1, 2], vec![0, 1], vec![0, 2]]);
    let stack = Stack {
        levels: Arc::new(levels),
        ..Stack::unavailable(String::new())
    };
    Generation::new(
        number,
        Arc::new(stack),
        instances.to_vec(),
        &empty_manifest(),
    )
    .0
}

pub(in super::super) fn new_instances() -> [InstanceId; 3] {
    [(); 3].map(|()| InstanceId::new())
}

fn poll(watch: &mut DrainWatch, level: Option<u32>) -> Option<Outlook> {
    match watch.poll(level, &mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outlook) => Some(outlook),
        Poll::Pending => None,
    }
}

/// The number of the generation that the request counts for from now on.
fn kept(watch: &mut DrainWatch, level: Option<u32>) -> u64 {
    match poll(watch, level) {
        Some(Outlook::Kept(generation)) => generation.number,
        other => panic!("not kept: {other:?}"),
    }
}

#[test]
fn request_is_kept_where_none_of_its_handlers_is_replaced() {
    let instances = new_instances();
    let first = generation(1, &instances);
    let active = Arc::new(Active::new(Arc::clone(&first)));
    let [mut at_a, at_b, before, anywhere] = [(); 4].map(|()| DrainWatch::new(first.drain()));
    assert!(poll(&mut at_a, Some(1)).is_none());
    let [outer, a, _] = instances;
    active.swap(generation(2, &[outer, a, InstanceId::new()]));
    assert_eq!(kept(&mut at_a, Some(1)), 2);
    let mut others = [(at_b, Some(2)), (before, Some(0)), (anywhere, None)];
    for (watch, level) in &mut others {
        assert!(poll(watch, *level).is_none(), "until the deadline");
    }
    first.drain().expire(DrainDeadline::Requests);
    for (watch, level) in &mut others {
        let outlook = poll(watch, *level);
        assert!(matches!(outlook, Some(Outlook::Over)), "{level:?}");
        assert!(watch.is_over(*level));
    }
    assert!(poll(&mut at_a, Some(1)).is_none(), "it has no deadline");
    assert!(!at_a.is_over(Some(1)));
}

#[test]
fn request_that_is_routed_before_the_deadline_is_kept() {
    let [outer, a, b] = new_instances();
    let first = generation(1, &[outer, a, b]);
    let active = Arc::new(Active::new(Arc::clone(&first)));
    let mut watch = DrainWatch::new(first.drain());
    active.swap(generation(2, &[outer, a, InstanceId::new()]));
    assert!(poll(&mut watch, Some(0)).is_none());
    first.drain().expire(DrainDeadline::Requests);
    assert_eq!(kept(&mut watch, Some(1)), 2);
}

#[test]
fn kept_request_that_is_sent_to_replaced_code_ends() {
    let [outer, a, b] = new_instances();
    let first = generation(1, &[outer, a, b]);
    let active = Arc::new(Active::new(Arc::clone(&first)));
    let mut watch = DrainWatch::new(first.drain());
    active.swap(generation(2, &[outer, a, InstanceId::new()]));
    assert_eq!(kept(&mut watch, Some(1)), 2);
    assert!(
        poll(&mut watch, None).is_none(),
        "the deadline of its own generation"
    );
    first.drain().expire(DrainDeadline::Requests);
    assert!(matches!(poll(&mut watch, None), Some(Outlook::Over)));
}

#[test]
fn server_that_ends_keeps_no_request() {
    let first = generation(1, &new_instances());
    let active = Arc::new(Active::new(Arc::clone(&first)));
    let mut watch = DrainWatch::new(first.drain());
    let stack = Arc::new(Stack::unavailable(String::new()));
    active.swap(Generation::new(1, stack, Vec::new(), &empty_manifest()).0);
    assert!(poll(&mut watch, Some(1)).is_none());
    first.drain().expire(DrainDeadline::Requests);
    assert!(matches!(poll(&mut watch, Some(1)), Some(Outlook::Over)));
}

#[derive(Debug, Clone)]
enum Step {
    /// A generation that replaces these instances.
    Swap([bool; 3]),
    /// The deadline of the generation of this index passes, if it was replaced.
    Expire(usize),
    /// The request is polled.
    Poll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<[bool; 3]>().prop_map(Step::Swap),
        any::<usize>().prop_map(Step::Expire),
        Just(Step::Poll),
    ]
}

proptest! {
    /// The model: a request counts for the newest generation up to which nothing was replaced that it may enter, and is over
    /// once that one's deadline has passed.
    #[test]
    fn request_ends_only_for_what_it_may_enter(
        steps in prop::collection::vec(step(), 0..30),
        level in prop_oneof![Just(None), (0_u32..3).prop_map(Some)],
    ) {
        let reach: &[usize] = match level {
            Some(1) => &[0, 1],
            Some(2) => &[0, 2],
            _ => &[0, 1, 2],
        };
        let mut instances = new_instances();
        let mut all = vec![generation(1, &instances)];
        let mut expired = vec![false];
        let active = Arc::new(Active::new(Arc::clone(&all[0])));
        let mut watch = DrainWatch::new(all[0].drain());
        // The index of the generation that it counts for, and whether the next one keeps it.
        let (mut counts_for, mut unbroken) = (0, true);
        for step in steps {
            match step {
                Step::Swap(replaced) => {
                    for (instance, _) in instances.iter_mut().zip(replaced).filter(|(_, new)| *new) {
                        *instance = InstanceId::new();
                    }
                    unbroken &= !reach.iter().any(|position| replaced[*position]);
                    let next = generation(all.len() as u64 + 1, &instances);
                    active.swap(Arc::clone(&next));
                    all.push(next);
                    expired.push(false);
                }
                Step::Expire(which) => {
                    let which = which % all.len();
                    if which + 1 < all.len() {
                        all[which].drain().expire(DrainDeadline::Requests);
                        expired[which] = true;
                    }
                }
                Step::Poll => {
                    let outlook = poll(&mut watch, level);
                    let newest = all.len() - 1;
                    match outlook {
                        Some(Outlook::Kept(generation)) => {
                            prop_assert!(unbroken);
                            prop_assert_eq!(generation.number, newest as u64 + 1);
                            counts_for = newest;
                        }
                        Some(Outlook::Over) => prop_assert!(!unbroken && expired[counts_for]),
                        None => prop_assert!(!expired[counts_for] && (counts_for == newest || !unbroken)),
                    }
                }
            }
        }
    }
}
