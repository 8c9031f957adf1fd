use proptest::prelude::*;

use super::*;

/// A server that works on `workers` requests at once, each for 10 ms, and keeps the others waiting.
struct Server {
    workers: u32,
    now: Instant,
}

impl Server {
    fn new(workers: u32) -> Self {
        Self {
            workers,
            now: Instant::now(),
        }
    }

    /// The lowest and the highest limit in the second half of so many seconds, under all the load that the limit allows.
    fn run(&mut self, limit: &mut AdaptiveLimit, seconds: u64) -> (u32, u32) {
        let begun = self.now;
        let half = Duration::from_secs(seconds) / 2;
        let (mut lowest, mut highest) = (u32::MAX, 0);
        while self.now < begun + 2 * half {
            let running = limit.limit();
            let start = self.now;
            self.now += Duration::from_millis(10) * running.div_ceil(self.workers);
            for _ in 0..running {
                limit.sample(start, running, self.now);
            }
            if self.now > begun + half && matches!(limit.phase, Phase::Follow { .. }) {
                lowest = lowest.min(limit.limit());
                highest = highest.max(limit.limit());
            }
        }
        (lowest, highest)
    }
}

#[test]
fn limit_finds_what_the_server_bears() {
    for workers in [10, 50, 200] {
        let mut limit = AdaptiveLimit::new(20, 4, 1000);
        let (lowest, highest) = Server::new(workers).run(&mut limit, 120);
        assert!(
            lowest >= workers / 2 && highest <= workers * 5 / 2,
            "{workers} workers: {lowest} to {highest}"
        );
    }
}

#[test]
fn limit_follows_a_server_that_changes() {
    let (mut server, mut limit) = (Server::new(100), AdaptiveLimit::new(20, 4, 1000));
    server.run(&mut limit, 20);
    server.workers = 20;
    let (_, highest) = server.run(&mut limit, 20);
    assert!(highest <= 50, "{highest}");
    server.workers = 100;
    let (lowest, _) = server.run(&mut limit, 20);
    assert!(lowest >= 50, "{lowest}");
}

#[test]
fn slower_responses_become_the_base_in_time() {
    let (mut server, mut limit) = (Server::new(100), AdaptiveLimit::new(20, 4, 1000));
    // Measured while each request took a tenth of the time that it takes later.
    for _ in 0..MEASURED_RESPONSES {
        server.now += Duration::from_millis(1);
        limit.sample(server.now - Duration::from_millis(1), 4, server.now);
    }
    let (lowest, _) = server.run(&mut limit, 60);
    assert!(lowest >= 50, "{lowest}");
}

#[test]
fn few_requests_leave_the_limit_alone() {
    let (now, mut limit) = (Instant::now(), AdaptiveLimit::new(20, 4, 1000));
    for step in 0..1_000 {
        let now = now + Duration::from_millis(20 * step);
        limit.sample(now, 9, now + Duration::from_millis(step));
    }
    assert_eq!(limit.limit(), 20);
}

#[test]
fn requests_from_before_a_measurement_do_not_count() {
    let (now, mut limit) = (Instant::now(), AdaptiveLimit::new(20, 4, 1000));
    limit.phase = Phase::Measure { since: Some(now) };
    for _ in 0..100 {
        limit.sample(now - Duration::from_secs(1), 20, now);
    }
    assert_eq!(limit.limit(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn limit_stays_within_its_bounds(
        samples in proptest::collection::vec((0_u64..10_000_000, 0_u64..1_000_000, 0_u32..2_000), 0..500),
    ) {
        let (mut now, mut limit) = (Instant::now(), AdaptiveLimit::new(20, 4, 100));
        for (time, step, running) in samples {
            let begun = now;
            now += Duration::from_micros(step);
            limit.sample(begun, running, begun + Duration::from_micros(time));
            prop_assert!((4..=100).contains(&limit.limit()));
        }
    }
}
