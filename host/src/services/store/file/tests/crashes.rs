//! Processes that are killed, and stores that are not made to their end.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::disk::{Disk, DiskState};
use super::*;

const CHILD: &str = "STACKUP_TEST_FILE_STORE";

/// Counts until it is killed, and says each count that was acknowledged.
fn count_for_ever(path: &Path, own: &[u8]) {
    let subject = Subject::open(path).unwrap();
    loop {
        let shared = subject.add(b"shared");
        let own = subject.add(own);
        if let (Ok(shared), Ok(own)) = (shared, own) {
            println!("acknowledged {shared} {own}");
        }
    }
}

struct Counter {
    process: Child,
    said: io::Lines<BufReader<ChildStdout>>,
    own: i64,
}

impl Counter {
    fn start(path: &Path, own: usize) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["killed_writers_lose_nothing_acknowledged", "--nocapture"])
            .env(CHILD, path)
            .env("STACKUP_TEST_KEY", own.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        let own = 0;
        Self { process, said, own }
    }

    /// Waits for more acknowledged counts, and returns the last shared one.
    fn acknowledged(&mut self, more: usize) -> i64 {
        let mut last = 0;
        for _ in 0..more {
            let line = self.said.by_ref().map_while(Result::ok);
            let counts = line
                .filter_map(|line| Some(line.split_once("acknowledged ")?.1.to_owned()))
                .next();
            let counts = counts.expect("it counts until it is killed");
            let (shared, own) = counts.split_once(' ').unwrap();
            last = shared.parse().unwrap();
            self.own = own.parse().unwrap();
        }
        last
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn killed_writers_lose_nothing_acknowledged() {
    if let Some(path) = std::env::var_os(CHILD) {
        let own = std::env::var("STACKUP_TEST_KEY").unwrap();
        return count_for_ever(Path::new(&path), own.as_bytes());
    }
    let (_directory, path) = file();
    let mut killed: Vec<i64> = Vec::new();
    let mut shared = 0;
    let mut stays = Counter::start(&path, 0);
    for round in 1..=20 {
        // Two write at once, as during a renewal; one is killed, somewhere in a commit.
        let mut next = Counter::start(&path, round);
        shared = shared.max(stays.acknowledged(1 + round % 5));
        shared = shared.max(next.acknowledged(1 + round % 3));
        stays.kill();
        killed.push(stays.own);
        shared = shared.max(next.acknowledged(2));
        stays = next;
    }
    stays.kill();
    killed.push(stays.own);
    let subject = Subject::open(&path).unwrap();
    assert!(subject.number(b"shared") >= shared);
    for (number, acknowledged) in killed.iter().enumerate() {
        let found = subject.number(number.to_string().as_bytes());
        assert!(
            found >= *acknowledged,
            "{number}: {found} of {acknowledged}"
        );
    }
    let all: i64 = (0..killed.len())
        .map(|number| subject.number(number.to_string().as_bytes()))
        .sum();
    // A writer may be killed between its two counts.
    let most = all + i64::try_from(killed.len()).unwrap();
    assert!((all..=most).contains(&subject.number(b"shared")));
}

#[test]
fn creation_that_ends_early_leaves_no_file() {
    let (directory, path) = file();
    let mut writes = 0;
    loop {
        let state = DiskState::with_room(writes);
        if database::create(&path, |file| Disk { file, state }).is_ok() {
            break;
        }
        assert!(!path.exists(), "after {writes} writes");
        writes += 1;
    }
    assert!(writes > 3, "{writes}");
    Subject::open(&path).unwrap().set(b"k", b"v").unwrap();
    // Nor does another creation replace it.
    database::create(&path, |file| file).unwrap();
    let found = Subject::open(&path)
        .unwrap()
        .run(StoreRequest::Get { key: b"k" });
    assert!(matches!(found, Ok(StoreReply::Entry { .. })));
    let files: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
}
