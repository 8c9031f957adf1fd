//! The store during faults, under load: each request gets an answer, nothing that was acknowledged is lost, and each failure
//! has its reason.

use std::cell::Cell;
use std::fs;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use rustix::process::{Pid, Signal, kill_process};
use stackup_tests::log::Record;
use stackup_tests::{Connection, Host, RedisServer, Site, print_skipped, within};

use crate::supervision::full_disk::SmallDisk;

/// Clients that count without a pause.
const CLIENTS: usize = 4;

/// The path on which all of them count. Each has one of its own as well.
const SHARED: &str = "/shared";

fn own(client: usize) -> String {
    format!("/own/{client}")
}

/// A host whose app counts in the store.
struct Subject {
    host: Host,
    site: Site,
    worker: Cell<Pid>,
    /// Whether the store may fail.
    store_fails: AtomicBool,
    /// Whether connections may break.
    worker_dies: AtomicBool,
    over: AtomicBool,
    answered: [AtomicU64; CLIENTS],
    /// The last numbers that were acknowledged: each client's own, and the shared one.
    acknowledged: [AtomicU64; CLIENTS + 1],
}

impl Subject {
    async fn start(store: &str) -> Self {
        let site = Site::new(&format!("[run]\nplugin = \"tally\"\n\n{store}"), &["tally"]);
        Self::of(site).await
    }

    async fn of(site: Site) -> Self {
        let host = Host::start(&site).await;
        Self {
            worker: Cell::new(host.worker()),
            host,
            site,
            store_fails: AtomicBool::new(false),
            worker_dies: AtomicBool::new(false),
            over: AtomicBool::new(false),
            answered: Default::default(),
            acknowledged: Default::default(),
        }
    }

    /// Counts on `path`; none if the answer is a failure that is allowed.
    async fn count(&self, path: &str) -> Option<u64> {
        let mut connection = Connection::tcp(self.host.address()).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        let response = within("an answer", async {
            connection.try_send(request.as_bytes()).await?;
            connection.try_response().await
        });
        let response = match response.await {
            Ok(response) => response,
            Err(error) => {
                assert!(self.worker_dies.load(Relaxed), "{path}: {error}");
                return None;
            }
        };
        match response.status() {
            200 => Some(response.text().trim().parse().expect("a count")),
            503 if self.store_fails.load(Relaxed) => None,
            _ => panic!("{path}: {response}\n{}", self.host.log()),
        }
    }

    async fn client(&self, number: usize) {
        let own = own(number);
        while !self.over.load(Relaxed) {
            for (path, place) in [(&*own, number), (SHARED, CLIENTS)] {
                let before = self.acknowledged[place].load(Relaxed);
                let count = self.count(path).await;
                self.answered[number].fetch_add(1, Relaxed);
                if let Some(count) = count {
                    assert!(count > before, "{path}: {count} after {before}");
                    self.acknowledged[place].fetch_max(count, Relaxed);
                }
            }
        }
    }

    /// Runs `faults` under load. Then all must be as if there had been none.
    async fn survives(&self, faults: impl Future<Output = ()>) {
        let clients = async {
            tokio::join!(
                self.client(0),
                self.client(1),
                self.client(2),
                self.client(3)
            );
        };
        let faults = async {
            faults.await;
            self.all_answered().await;
            self.over.store(true, Relaxed);
        };
        tokio::join!(clients, faults);
        let paths = (0..CLIENTS).map(own).chain([SHARED.to_owned()]);
        for (path, acknowledged) in paths.zip(&self.acknowledged) {
            let (count, last) = (self.count(&path).await, acknowledged.load(Relaxed));
            assert!(last > 0, "{path}");
            assert!(count > Some(last), "{path}: {count:?} after {last}");
        }
        let status = self.site.stackup(&["status"]).await.stdout;
        assert!(!status.contains("unavailable"), "{status}");
    }

    /// Waits until each client has three more answers: by then no request of before is under way.
    async fn all_answered(&self) {
        let now = || {
            self.answered
                .each_ref()
                .map(|answered| answered.load(Relaxed))
        };
        let before = now();
        within("answers", async {
            while now()
                .iter()
                .zip(before)
                .any(|(now, before)| *now < before + 3)
            {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// From now on the store may fail.
    fn may_fail(&self) {
        self.store_fails.store(true, Relaxed);
    }

    /// Waits until the store fails for this reason, while the clients keep getting answers.
    async fn fails(&self, reason: &str) {
        let away = self.host.event("store-away").await;
        assert!(away.message().contains(reason), "{away}");
        self.all_answered().await;
    }

    /// Waits until the store works. From then on it may not fail.
    async fn works_again(&self) {
        self.host.event("store-back").await;
        // No request of before is under way, and then each client counts.
        self.all_answered().await;
        let now = || self.acknowledged.each_ref().map(|last| last.load(Relaxed));
        let before = now();
        within("counts", async {
            while now().iter().zip(before).any(|(now, before)| *now == before) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        self.store_fails.store(false, Relaxed);
        self.all_answered().await;
    }

    async fn kill_worker(&self) {
        self.worker_dies.store(true, Relaxed);
        kill_process(self.worker.get(), Signal::KILL).expect("it is there");
        self.next_worker().await;
        self.all_answered().await;
        self.worker_dies.store(false, Relaxed);
    }

    async fn restart(&self) {
        let said = self.site.stackup(&["restart"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        self.next_worker().await;
    }

    async fn next_worker(&self) {
        let next = self.host.next_worker().await;
        self.worker.set(next.expect("another one serves"));
    }
}

/// Writes what is new until the store can't.
async fn grow(subject: &Subject) {
    let away = |record: &Record| record.event() == "store-away";
    let long = "x".repeat(900);
    for n in 0.. {
        if subject.count(&format!("/new/{n}/{long}")).await.is_none() {
            return;
        }
        assert!(n < 100_000, "{:?}", subject.host.log().try_take(away));
    }
}

#[tokio::test]
async fn store_in_a_file_survives_full_disks_and_killed_workers() {
    let site = Site::new(
        "[run]\nplugin = \"tally\"\n\n[store]\nengine = \"file\"\npath = \"disk/store.redb\"\n",
        &["tally"],
    );
    let folder = site.path().join("disk");
    fs::create_dir(&folder).expect("a folder");
    let disk = SmallDisk::mount(&folder, 16 << 20);
    let subject = Subject::of(site).await;
    let full_for_a_while = async |disk: &SmallDisk| {
        subject.may_fail();
        disk.fill();
        grow(&subject).await;
        subject.fails("No space left").await;
        disk.free();
        subject.works_again().await;
    };
    subject
        .survives(async {
            subject.all_answered().await;
            subject.kill_worker().await;
            subject.restart().await;
            match &disk {
                Some(disk) => {
                    full_for_a_while(disk).await;
                    subject.kill_worker().await;
                    full_for_a_while(disk).await;
                }
                None => print_skipped("a full disk: it may not mount a file system"),
            }
            subject.kill_worker().await;
        })
        .await;
    drop(subject);
}

#[tokio::test]
async fn store_in_redis_survives_killed_servers_and_workers() {
    let Some(mut redis) = RedisServer::start_durable() else {
        return;
    };
    let subject = Subject::start(&format!(
        "[store]\nengine = \"redis\"\nurl = \"{}\"\ntimeout = \"5s\"\n",
        redis.url()
    ))
    .await;
    subject
        .survives(async {
            subject.all_answered().await;
            for _ in 0..2 {
                subject.may_fail();
                redis.kill();
                subject.fails("Redis at /").await;
                redis.start_again();
                subject.works_again().await;
            }
            subject.kill_worker().await;
            subject.restart().await;
            subject.may_fail();
            redis.stop();
            subject.fails("no reply within 5s").await;
            redis.resume();
            subject.works_again().await;
        })
        .await;
}
