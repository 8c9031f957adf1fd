use super::*;

const PATIENCE: BlockLimits = BlockLimits {
    report: Some(Duration::from_millis(200)),
    limit: Some(Duration::from_millis(600)),
};

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn seen(thread: usize, poll: u64, handler: &'static str) -> PollSample<&'static str> {
    PollSample {
        thread,
        poll,
        generation: 7,
        handler,
    }
}

fn block(handler: &'static str, milliseconds: u64) -> Block<&'static str> {
    Block {
        handler,
        generation: 7,
        time: at(milliseconds),
    }
}

/// Samples every 100 ms, from the first on.
fn samples(
    tracker: &mut PollTracker<&'static str>,
    samples: &[&[PollSample<&'static str>]],
) -> Vec<(u64, BlockEvent<&'static str>)> {
    let times = (0..).map(|number| number * 100);
    let events = times.zip(samples).flat_map(|(time, seen)| {
        let news = tracker.sample(at(time), seen, PATIENCE);
        news.into_iter().map(move |news| (time, news))
    });
    events.collect()
}

#[test]
fn long_poll_is_reported_once_as_blocked_hung_and_unblocked() {
    let mut tracker = PollTracker::new();
    let blocked = [seen(1, 5, "slow")];
    let mut all = vec![&blocked[..]; 10];
    all.push(&[]);
    assert_eq!(
        samples(&mut tracker, &all),
        [
            (200, BlockEvent::Blocked(block("slow", 200))),
            (600, BlockEvent::Hung(block("slow", 600))),
            (1000, BlockEvent::Unblocked(block("slow", 900))),
        ]
    );
}

#[test]
fn consecutive_polls_block_nothing() {
    let mut tracker = PollTracker::new();
    let polls: Vec<_> = (0..20).map(|poll| [seen(1, poll, "busy")]).collect();
    let polls: Vec<_> = polls.iter().map(|one| &one[..]).collect();
    assert_eq!(samples(&mut tracker, &polls), []);
    // Nor does a thread that rests for long between two.
    let rests = [
        &[seen(1, 30, "busy")][..],
        &[],
        &[],
        &[],
        &[seen(1, 31, "busy")],
        &[],
    ];
    assert_eq!(samples(&mut PollTracker::new(), &rests), []);
}

#[test]
fn threads_are_judged_separately() {
    let mut tracker = PollTracker::new();
    let (long, short) = (seen(1, 5, "long"), seen(2, 9, "short"));
    let events = samples(
        &mut tracker,
        &[&[long], &[long], &[long, short], &[long, short]],
    );
    assert_eq!(events, [(200, BlockEvent::Blocked(block("long", 200)))]);
    let listed: Vec<_> = tracker.blocked().collect();
    assert_eq!(listed, [block("long", 300)]);
}

#[test]
fn handler_at_the_limit_is_reported() {
    let mut tracker = PollTracker::new();
    let (outer, inner) = (seen(1, 5, "outer"), seen(1, 5, "inner"));
    let events = samples(&mut tracker, &[&[outer], &[outer], &[inner], &[outer], &[]]);
    assert_eq!(
        events,
        [
            (200, BlockEvent::Blocked(block("inner", 200))),
            (400, BlockEvent::Unblocked(block("inner", 300))),
        ]
    );
}

#[test]
fn stopped_process_blocks_nothing() {
    let mut tracker = PollTracker::new();
    let poll = [seen(1, 5, "innocent")];
    tracker.sample(at(0), &poll, PATIENCE);
    let news = tracker.sample(at(60_000), &poll, PATIENCE);
    assert_eq!(news, [BlockEvent::Blocked(block("innocent", 500))]);
}

#[test]
fn disabled_limits_report_nothing() {
    let mut tracker = PollTracker::new();
    let off = BlockLimits {
        report: None,
        limit: None,
    };
    for time in 0..1000 {
        assert_eq!(
            tracker.sample(at(time * 100), &[seen(1, 5, "slow")], off),
            []
        );
    }
}

#[test]
fn sample_interval_fits_the_limits() {
    let intervals = |report, limit| {
        let [report, limit] = [report, limit].map(|limit: Option<u64>| limit.map(at));
        let limits = BlockLimits { report, limit };
        [false, true].map(|idle| limits.interval(idle))
    };
    assert_eq!(intervals(Some(1000), Some(30_000)), [50, 200].map(at));
    assert_eq!(intervals(Some(300), None), [50, 150].map(at));
    assert_eq!(intervals(Some(20), None), [10, 10].map(at));
    assert_eq!(intervals(Some(1000), Some(1)), [5, 5].map(at));
    assert_eq!(intervals(None, None), [50, 200].map(at));
}
