use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::*;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Time that a test moves.
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
        })
    }

    fn settle(self) -> Settle {
        Settle::new(SettleTimeouts::default(), self.start)
    }

    fn wait(self, n: u64) -> Decision {
        Decision::Wait(self.start + ms(n))
    }
}

fn is_ready(verdict: Decision) -> bool {
    matches!(verdict, Decision::Ready(_))
}

#[test]
fn an_old_file_passes_at_the_first_look() {
    let clock = Clock::new();
    assert!(is_ready(
        clock.settle().see(clock.file(9, -10), clock.at(0))
    ));
}

#[test]
fn a_new_file_waits_only_for_what_is_left_of_the_quiet_time() {
    let clock = Clock::new();
    let mut settle = clock.settle();
    assert_eq!(settle.see(clock.file(9, -7), clock.at(0)), clock.wait(3));
    assert!(is_ready(settle.see(clock.file(9, -7), clock.at(3))));
}

#[test]
fn a_file_that_changed_between_two_looks_waits_again() {
    let clock = Clock::new();
    let mut settle = clock.settle();
    assert_eq!(settle.see(clock.file(9, 0), clock.at(0)), clock.wait(10));
    assert_eq!(settle.see(clock.file(10, 10), clock.at(10)), clock.wait(20));
    assert!(is_ready(settle.see(clock.file(10, 10), clock.at(20))));
}

#[test]
fn a_file_from_the_future_settles_by_what_we_see() {
    let clock = Clock::new();
    let mut settle = clock.settle();
    assert_eq!(
        settle.see(clock.file(9, 5_000), clock.at(0)),
        clock.wait(10)
    );
    assert!(is_ready(settle.see(clock.file(9, 5_000), clock.at(10))));
}

#[test]
fn a_file_that_never_rests_is_given_up_at_the_deadline() {
    let clock = Clock::new();
    let mut settle = clock.settle();
    for n in (0..2000).step_by(5) {
        let verdict = settle.see(clock.file(n + 1, n.cast_signed()), clock.at(n));
        assert!(matches!(verdict, Decision::Wait(_)), "at {n}: {verdict:?}");
    }
    let verdict = settle.see(clock.file(5000, 2000), clock.at(2000));
    assert_eq!(verdict, Decision::GiveUp(SettleFailure::StillChanging));
}

#[test]
fn absence_is_endured_until_the_deadline() {
    let clock = Clock::new();
    let mut settle = clock.settle();
    assert_eq!(settle.see(Observation::Absent, clock.at(0)), clock.wait(1));
    assert_eq!(
        settle.see(Observation::Absent, clock.at(2000)),
        Decision::GiveUp(SettleFailure::Missing)
    );
    let mut settle = clock.settle();
    settle.see(clock.file(9, 0), clock.at(0));
    assert_eq!(
        settle.see(Observation::Absent, clock.at(10)),
        clock.wait(11)
    );
    assert_eq!(
        settle.see(Observation::Absent, clock.at(2000)),
        Decision::GiveUp(SettleFailure::Vanished)
    );
}

#[test]
fn a_new_empty_file_may_still_be_filled_an_old_one_not() {
    let clock = Clock::new();
    assert_eq!(
        clock.settle().see(clock.file(0, -500), clock.at(0)),
        clock.wait(10)
    );
    let old = clock.settle().see(clock.file(0, -2000), clock.at(0));
    assert_eq!(old, Decision::GiveUp(SettleFailure::Empty));
}

#[test]
fn a_directory_is_refused_at_once() {
    let clock = Clock::new();
    let verdict = clock.settle().see(Observation::NotAFile, clock.at(0));
    assert_eq!(verdict, Decision::GiveUp(SettleFailure::NotAFile));
}

proptest! {
    /// Whatever is written when, the policy asks for looks in the future only, ends, and says
    /// ready only of a file that had its quiet time.
    #[test]
    fn ends_and_is_ready_only_after_quiet(
        writes in prop::collection::vec((0_u64..400, 1_u64..4), 1..20),
        late in 0_u64..7,
    ) {
        let clock = Clock::new();
        let patience = SettleTimeouts { quiet: ms(10), deadline: ms(300) };
        let mut settle = Settle::new(patience, clock.start);
        let mut writes = writes;
        writes.sort_unstable();
        let mut now = 0;
        for looks in 0.. {
            prop_assert!(looks < 400, "looks without end");
            let last = writes.iter().rfind(|(at, _)| *at <= now);
            let sight = last.map_or(Observation::Absent, |&(at, len)| {
                clock.file(len, at.cast_signed())
            });
            match settle.see(sight, clock.at(now)) {
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
fn an_old_file_on_disk_costs_a_stat() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lib.so");
    fs::write(&path, "x").unwrap();
    age(&path);
    let start = Instant::now();
    for _ in 0..100 {
        settle(&path, SettleTimeouts::default()).unwrap();
    }
    println!("settle of an old file: {:?}", start.elapsed() / 100);
    assert!(start.elapsed() < ms(500), "{:?}", start.elapsed());
}

#[test]
fn a_file_being_written_is_waited_for() {
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
    let facts = settle(
        &path,
        SettleTimeouts {
            quiet: ms(500),
            deadline: ms(10_000),
        },
    )
    .unwrap();
    writer.join().unwrap();
    assert_eq!(facts.len, 30);
}

#[test]
fn a_link_is_followed_anew_at_each_look() {
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
    let facts = settle(&link, SettleTimeouts::default()).unwrap();
    writer.join().unwrap();
    assert_eq!(facts, FileStat::of(&fs::metadata(&path).unwrap()));
}

#[test]
fn what_will_not_settle_says_why() {
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
