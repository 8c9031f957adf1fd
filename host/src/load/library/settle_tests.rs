use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::*;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A clock that the test advances.
#[derive(Clone, Copy)]
struct Clock {
    start: Instant,
    wall: SystemTime,
}

impl Clock {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + ms(1_000_000),
        }
    }

    fn at(self, n: u64) -> Clocks {
        Clocks {
            clock: self.start + ms(n),
            wall: self.wall + ms(n),
        }
    }

    /// A file last written at `n`.
    fn file(self, len: u64, n: i64) -> Observation {
        let shift = ms(n.unsigned_abs());
        let mtime = if n < 0 {
            self.wall - shift
        } else {
            self.wall + shift
        };
        Observation::File(FileStat {
            inode: (1, 1),
            len,
            mtime,
            ctime: mtime,
        })
    }

    fn settle(self) -> Settle {
        Settle::new(SettleTimeouts::default(), self.start)
    }

    fn wait(self, n: u64) -> Decision {
        Decision::Wait(self.start + ms(n))
    }
}

fn is_ready(decision: Decision) -> bool {
    matches!(decision, Decision::Ready(_))
}

#[test]
fn old_file_is_ready_at_once() {
    let clock = Clock::new();
    assert!(is_ready(
        clock.settle().observe(clock.file(9, -10), clock.at(0))
    ));
}

#[test]
fn new_file_waits_for_the_rest_of_the_quiet_time() {
    let clock = Clock::new();
    let mut settle = clock.settle();
    assert_eq!(
        settle.observe(clock.file(9, -7), clock.at(0)),
        clock.wait(3)
    );
    assert!(is_ready(settle.observe(clock.file(9, -7), clock.at(3))));
}

#[test]
fn file_changed_between_looks_waits_again() {
    let clock = Clock::new();
    let mut settle = clock.settle();
    assert_eq!(
        settle.observe(clock.file(9, 0), clock.at(0)),
        clock.wait(10)
    );
    assert_eq!(
        settle.observe(clock.file(10, 10), clock.at(10)),
        clock.wait(20)
    );
    assert!(is_ready(settle.observe(clock.file(10, 10), clock.at(20))));
}

#[test]
fn file_with_future_mtime_settles_by_observation() {
    let clock = Clock::new();
    let mut settle = clock.settle();
    assert_eq!(
        settle.observe(clock.file(9, 5_000), clock.at(0)),
        clock.wait(10)
    );
    assert!(is_ready(settle.observe(clock.file(9, 5_000), clock.at(10))));
}

#[test]
fn file_changing_until_the_deadline_is_given_up() {
    let clock = Clock::new();
    let mut settle = clock.settle();
    for n in (0..2000).step_by(5) {
        let decision = settle.observe(clock.file(n + 1, n.cast_signed()), clock.at(n));
        assert!(
            matches!(decision, Decision::Wait(_)),
            "at {n}: {decision:?}"
        );
    }
    let decision = settle.observe(clock.file(5000, 2000), clock.at(2000));
    assert_eq!(decision, Decision::GiveUp(SettleFailure::StillChanging));
}

#[test]
fn absence_is_tolerated_until_the_deadline() {
    let clock = Clock::new();
    let mut settle = clock.settle();
    assert_eq!(
        settle.observe(Observation::Absent, clock.at(0)),
        clock.wait(1)
    );
    assert_eq!(
        settle.observe(Observation::Absent, clock.at(2000)),
        Decision::GiveUp(SettleFailure::Missing)
    );
    let mut settle = clock.settle();
    settle.observe(clock.file(9, 0), clock.at(0));
    assert_eq!(
        settle.observe(Observation::Absent, clock.at(10)),
        clock.wait(11)
    );
    assert_eq!(
        settle.observe(Observation::Absent, clock.at(2000)),
        Decision::GiveUp(SettleFailure::Vanished)
    );
}

#[test]
fn empty_file_is_awaited_while_new() {
    let clock = Clock::new();
    assert_eq!(
        clock.settle().observe(clock.file(0, -500), clock.at(0)),
        clock.wait(10)
    );
    let old = clock.settle().observe(clock.file(0, -2000), clock.at(0));
    assert_eq!(old, Decision::GiveUp(SettleFailure::Empty));
}

#[test]
fn directory_is_refused_at_once() {
    let clock = Clock::new();
    let decision = clock.settle().observe(Observation::NotAFile, clock.at(0));
    assert_eq!(decision, Decision::GiveUp(SettleFailure::NotAFile));
}

proptest! {
    /// For any schedule of writes, the policy only waits for later times, ends, and reports ready only after
    /// the quiet time.
    #[test]
    fn settle_ends_and_is_ready_only_after_quiet(
        writes in prop::collection::vec((0_u64..400, 1_u64..4), 1..20),
        late in 0_u64..7,
    ) {
        let clock = Clock::new();
        let timeouts = SettleTimeouts { quiet: ms(10), deadline: ms(300) };
        let mut settle = Settle::new(timeouts, clock.start);
        let mut writes = writes;
        writes.sort_unstable();
        let mut now = 0;
        for looks in 0.. {
            prop_assert!(looks < 400, "endless looks");
            let last = writes.iter().rfind(|(at, _)| *at <= now);
            let observation = last.map_or(Observation::Absent, |&(at, len)| {
                clock.file(len, at.cast_signed())
            });
            match settle.observe(observation, clock.at(now)) {
                Decision::Wait(until) => {
                    prop_assert!(until > clock.at(now).clock);
                    // Sleeps end late, never early.
                    now = u64::try_from((until - clock.start).as_millis()).unwrap() + late;
                }
                Decision::Ready(_) => {
                    let (at, _) = last.unwrap();
                    prop_assert!(now - at >= 10, "written at {at}, ready at {now}");
                    break;
                }
                Decision::GiveUp(_) => {
                    prop_assert!(now >= 300);
                    break;
                }
            }
        }
    }
}

fn quick() -> SettleTimeouts {
    SettleTimeouts {
        quiet: ms(10),
        deadline: ms(60),
    }
}

fn age(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - ms(60_000)).unwrap();
}

#[test]
fn old_file_on_disk_settles_at_the_first_look() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lib.so");
    fs::write(&path, "x").unwrap();
    age(&path);
    let timeouts = SettleTimeouts {
        quiet: ms(30_000),
        deadline: Duration::ZERO,
    };
    assert_eq!(settle(&path, timeouts).unwrap().len, 1);
}

#[test]
fn file_being_written_is_awaited() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lib.so");
    File::create(&path).unwrap();
    let writer = thread::spawn({
        let path = path.clone();
        move || {
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            for _ in 0..30 {
                thread::sleep(ms(1));
                file.write_all(b"x").unwrap();
            }
        }
    });
    let stat = settle(
        &path,
        SettleTimeouts {
            // Far more than a busy machine stops the writer for.
            quiet: ms(2_000),
            deadline: ms(120_000),
        },
    )
    .unwrap();
    writer.join().unwrap();
    assert_eq!(stat.len, 30);
}

#[test]
fn link_is_followed_at_each_look() {
    let dir = tempfile::tempdir().unwrap();
    let (link, path) = (dir.path().join("link"), dir.path().join("lib.so"));
    symlink("missing", &link).unwrap();
    fs::write(&path, "x").unwrap();
    let writer = thread::spawn({
        let link = link.clone();
        move || {
            thread::sleep(ms(5));
            fs::remove_file(&link).unwrap();
            symlink("lib.so", &link).unwrap();
        }
    });
    let stat = settle(&link, SettleTimeouts::default()).unwrap();
    writer.join().unwrap();
    assert_eq!(stat, FileStat::of(&fs::metadata(&path).unwrap()));
}

#[test]
fn settle_error_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lib.so");
    assert!(matches!(settle(&path, quick()), Err(SettleError::Missing)));
    assert!(matches!(
        settle(&path.join("x"), quick()),
        Err(SettleError::Missing)
    ));
    assert!(matches!(
        settle(dir.path(), quick()),
        Err(SettleError::NotAFile)
    ));
    File::create(&path).unwrap();
    assert!(matches!(settle(&path, quick()), Err(SettleError::Empty)));
}

#[test]
fn file_overwritten_in_place_differs_though_its_mtime_is_set_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lib.so");
    let write = |content: &str| {
        fs::write(&path, content).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + ms(1000))
            .unwrap();
        FileStat::of(&fs::metadata(&path).unwrap())
    };
    let before = write("one");
    assert!(before.age(SystemTime::now()) < ms(60_000));
    // The system's clock for files has a resolution of some milliseconds.
    let end = Instant::now() + ms(5000);
    while write("two") == before {
        assert!(Instant::now() < end, "it seems unchanged");
    }
}
