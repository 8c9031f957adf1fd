//! The host under test and its expected state.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use stackup_tests::log::Record;
use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::{Host, Site, WallClock, artifacts, print_skipped, within};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::clients::{ClientState, code};
use crate::guests::{PROGRAM, runs};
use crate::supervision::full_disk::SmallDisk;

/// The host under test.
pub(super) struct TestServer {
    // Dropped in this order: the host uses the disk, which is in the site.
    pub(super) host: Host,
    /// The disk of the private files, if it could be mounted.
    disk: Option<SmallDisk>,
    /// The wall clock, if it can be set.
    clock: Option<WallClock>,
    pub(super) site: Site,
    /// Whether a guest can run.
    has_guest: bool,
    library: Vec<u8>,
    /// The last code.
    code: u64,
    /// The last code without a fault.
    good: u64,
    revision: Revision,
    worker: Pid,
}

/// What of the stack was replaced how often, besides the faulty library.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Revision {
    /// The config of two layers.
    pub(super) mark: u64,
    /// The code of the WebSockets.
    pub(super) sockets: u64,
}

impl TestServer {
    pub(super) async fn new() -> Self {
        let library = read(artifacts::plugin("faulty"));
        let has_guest = runs("python3", &["--version"]);
        if !has_guest {
            print_skipped("a guest: no `python3`");
        }
        let plugins = ["ticker", "probe", "websockets", "stamp", "guest"];
        let site = Site::new(&manifest(0, has_guest), &plugins);
        site.file("guest.py", PROGRAM);
        site.file("version.txt", "1");
        site.library("faulty", &with_code(&library, 0, "none", 0));
        let disk = SmallDisk::mount(&site.runtime(), 32 * library.len());
        let clock = WallClock::of(&site);
        let mut command =
            Host::command(artifacts::stackup(), &site, &["-p", "0", "-o", "127.0.0.1"]);
        if let Some(clock) = &clock {
            clock.give_to(&mut command);
        }
        let mut host = Host::spawn(&mut command);
        host.ready().await;
        let worker = host.worker();
        Self {
            host,
            disk,
            clock,
            site,
            has_guest,
            library,
            code: 0,
            good: 0,
            revision: Revision::default(),
            worker,
        }
    }

    /// A library with the next code and this fault in the N-th request.
    pub(super) fn next_library(
        &mut self,
        clients: &ClientState,
        fault: &str,
        request: u64,
    ) -> Vec<u8> {
        self.code += 1;
        clients.allow_code(self.code);
        with_code(&self.library, self.code, fault, request)
    }

    pub(super) fn put_library(&self, library: &[u8]) {
        // Earlier records are not about this library.
        while self.host.log().try_take(|_| true).is_some() {}
        self.site.library("faulty", library);
    }

    /// Swaps to a library without a fault.
    pub(super) async fn good_code(&mut self, clients: &ClientState) {
        let library = self.next_library(clients, "none", 0);
        self.put_library(&library);
        self.good = self.code;
        self.wait_for_good_code().await;
    }

    /// Swaps to other code of the WebSockets.
    pub(super) async fn socket_code(&mut self) {
        self.revision.sockets += 1;
        let mut library = read(artifacts::plugin("websockets"));
        library.extend(self.revision.sockets.to_le_bytes());
        self.site.library("websockets", &library);
        self.wait_for_change("run websockets (code").await;
        self.wait_for_good_code().await;
    }

    pub(super) fn has_guest(&self) -> bool {
        self.has_guest
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    /// Swaps to another manifest. If `half`, writes an incomplete one first.
    pub(super) async fn edit(&mut self, half: bool) {
        self.revision.mark += 1;
        let text = manifest(self.revision.mark, self.has_guest);
        if half {
            let path = self.site.path().join("config.ru.toml");
            fs::write(path, &text[..text.len() - 7]).expect("the site can be written");
            self.wait_for_outcome(&["refused"]).await;
        }
        self.site.manifest(&text);
        self.wait_for_change("use stamp (config)").await;
        self.wait_for_good_code().await;
    }

    /// Waits for a swap with this change. That of the action before may be logged after its code was seen.
    async fn wait_for_change(&self, change: &str) {
        let swaps = |record: &Record| {
            record.event() == "reload"
                && record.text("outcome") == "swapped"
                && record.text("changes").contains(change)
        };
        let what = format!("swap with `{change}`");
        self.host.log().take(&what, swaps).await;
    }

    /// Waits for a reload with one of these outcomes.
    pub(super) async fn wait_for_outcome(&self, wanted: &[&str]) -> Record {
        let ends = |record: &Record| {
            record.event() == "reload" && wanted.contains(&record.text("outcome"))
        };
        self.host.log().take("reload with that outcome", ends).await
    }

    /// Waits until the host serves the last good code.
    pub(super) async fn wait_for_good_code(&self) {
        within("the good code", async {
            while code(&self.host.get("/").await) != Some(self.good) {}
        })
        .await;
    }

    /// Waits until the stack is a rollback target.
    pub(super) async fn wait_until_proven(&self) {
        within("the end of probation", async {
            while self.ask("status").await["value"]["on_probation"] == true {}
        })
        .await;
    }

    pub(super) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.next_worker().await;
    }

    /// Sends a signal to the worker.
    pub(super) fn signal(&self, signal: Signal) {
        kill_process(self.worker, signal).expect("the worker runs");
    }

    /// Removes everything in `TMPDIR`, as cleaners of temporary directories do.
    pub(super) fn remove_private_files(&self) {
        for directory in entries(&self.site.runtime()) {
            let directory = self.site.runtime().join(directory);
            // A process may write to it at this moment.
            while fs::remove_dir_all(&directory).is_err() && directory.exists() {}
        }
    }

    /// Swaps to a library that the full disk refuses at first.
    pub(super) async fn full_disk(&mut self, clients: &ClientState) {
        let Some(disk) = &self.disk else {
            print_skipped("a full disk: it may not mount a file system");
            return;
        };
        disk.fill();
        let library = self.next_library(clients, "none", 0);
        self.put_library(&library);
        self.wait_for_outcome(&["refused"]).await;
        self.host.event("reload-retry").await;
        if let Some(disk) = &self.disk {
            disk.free();
        }
        self.wait_for_outcome(&["swapped"]).await;
        self.good = self.code;
        self.wait_for_good_code().await;
    }

    /// Sets the clock back by an hour, and right again. New code is taken up, and a worker that dies is replaced, by either clock.
    pub(super) async fn clock_jumps(&mut self, clients: &ClientState) {
        if self.clock.is_none() {
            return;
        }
        for back in [true, false] {
            self.wait_until_proven().await;
            if let Some(clock) = &self.clock {
                match back {
                    true => clock.set_back(),
                    false => clock.set_right(),
                }
            }
            self.good_code(clients).await;
            self.edit(false).await;
            self.wait_until_proven().await;
            self.kill().await;
            self.wait_for_good_code().await;
        }
    }

    /// Waits until another worker serves.
    pub(super) async fn next_worker(&mut self) {
        self.worker = self.host.next_worker().await.expect("the worker has an id");
    }

    pub(super) async fn restart(&mut self) {
        let reply = self.ask("restart").await;
        assert_eq!(reply["ok"], true, "{reply}");
        self.next_worker().await;
    }

    /// The reply to a request on the control socket.
    pub(super) async fn ask(&self, what: &str) -> Value {
        let path = self.site.path().join("config.ru.sock");
        let line = format!("{{\"ask\":\"{what}\"}}\n");
        let asked = async {
            let mut stream = UnixStream::connect(path).await?;
            stream.write_all(line.as_bytes()).await?;
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer).await?;
            Ok::<_, std::io::Error>(serde_json::from_str(&answer)?)
        };
        within("an answer", asked).await.expect("an answer")
    }

    /// Asserts that only the supervisor and one worker are left, no zombie and no extra file.
    pub(super) async fn assert_nothing_left(&self) {
        let worker = self.one_worker().await;
        let state = fs::read_to_string(format!("/proc/{worker}/stat")).expect("it is there");
        assert!(!state.contains(") Z "), "a zombie: {state}");
        let directories = entries(&self.site.runtime());
        assert_eq!(directories.len(), 2, "{directories:?}");
        for directory in directories {
            let files = entries(&self.site.runtime().join(directory));
            // The two libraries that change, active and in two rollback targets; the other four plugins; the guest's socket.
            assert!(files.len() <= 12, "{files:?}");
        }
    }

    /// The ids of the workers.
    pub(super) fn workers(&self) -> Vec<i32> {
        let mut children = children(self.host.pid().as_raw_nonzero().get());
        children.retain(|pid| !is_guard(*pid));
        children
    }

    /// The worker, once it is the only one.
    pub(super) async fn one_worker(&self) -> i32 {
        within("one worker alone", async {
            loop {
                if let [worker] = self.workers()[..] {
                    return worker;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    /// The number of the supervisor's open descriptors.
    pub(super) fn descriptors(&self) -> usize {
        let supervisor = self.host.pid().as_raw_nonzero();
        entries(Path::new(&format!("/proc/{supervisor}/fd"))).len()
    }
}

fn children(pid: i32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let text = text.unwrap_or_default();
    text.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Whether the process stands between the supervisor and a guest.
fn is_guard(pid: i32) -> bool {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words
        .split(|byte| *byte == 0)
        .any(|word| word == b"__guest")
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn with_code(library: &[u8], code: u64, fault: &str, request: u64) -> Vec<u8> {
    let coded = patched(
        library,
        "stackup-faulty-code-00000000",
        &format!("stackup-faulty-code-{code:08}"),
    );
    patched(
        &coded,
        "stackup-faulty-fault-none@00000000",
        &format!("stackup-faulty-fault-{fault}@{request:08}"),
    )
}

/// A manifest with short times, so that each rule applies.
fn manifest(mark: u64, has_guest: bool) -> String {
    let guest = match has_guest {
        true => {
            "\n[[map]]\npath = \"/guest\"\nrun = { plugin = \"guest\", config = { command = [\"python3\", \"guest.py\"] } }\n"
        }
        false => "",
    };
    format!(
        "[limits]
drain_timeout = \"5s\"
shutdown_timeout = \"5s\"
worker_timeout = \"3s\"
block_report = \"500ms\"
block_limit = \"2s\"

[failures]
crashes = 2
# A library has its fault within its first 300 requests, however long that takes.
probation_time = \"1h\"
probation_requests = 600

[renewal]
generations = 20

[run]
plugin = \"faulty\"
config = {{ mark = {mark} }}

[[map]]
path = \"/events\"
run = {{ plugin = \"ticker\", config = {{ seconds = 0.02 }} }}

[[map]]
path = \"/socket\"
run = \"websockets\"

[[map]]
path = \"/changed/events\"
use = [{{ plugin = \"stamp\", config = {{ mark = \"{mark}\" }} }}]
run = {{ plugin = \"ticker\", config = {{ seconds = 0.02 }} }}

[[map]]
path = \"/changed/socket\"
use = [{{ plugin = \"stamp\", config = {{ mark = \"{mark}\" }} }}]
run = \"websockets\"

[[map]]
path = \"/probe\"
run = \"probe\"
{guest}"
    )
}
