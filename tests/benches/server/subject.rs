//! The servers that are compared, each on one core with one worker.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::thread::{CpuSet, sched_setaffinity};
use stackup_tests::{Host, Site, artifacts};

/// A running server.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) address: String,
    /// How many headers its layers set.
    pub(crate) set: usize,
    process: Process,
}

enum Process {
    Stackup(
        Host,
        #[expect(dead_code, reason = "its files go with it")] Site,
    ),
    Rival(Child),
}

/// The headers that `stackup` reads and sets, as in the example `rival`.
const READS: [&str; 10] = [
    "host",
    "user-agent",
    "accept",
    "accept-language",
    "accept-encoding",
    "referer",
    "cookie",
    "connection",
    "upgrade-insecure-requests",
    "x-request-id",
];

impl Server {
    /// `stackup` with this many layers before `hello`.
    pub(crate) async fn stackup(name: &'static str, layers: usize) -> Self {
        let mut manifest = String::new();
        for (at, read) in READS.iter().enumerate().take(layers) {
            let _ = write!(
                manifest,
                "[[use]]\nplugin = \"ten-headers#header\"\nconfig = {{ read = \"{read}\", \
                 set = \"x-layer-{at}\", value = \"a-value-of-usual-length\" }}\n"
            );
        }
        manifest.push_str("[run]\nplugin = \"hello\"\n");
        Self::of(
            name,
            Site::new(&manifest, &["hello", "ten-headers"]),
            layers,
        )
        .await
    }

    /// `stackup` with a router of axum's.
    pub(crate) async fn router(name: &'static str) -> Self {
        Self::of(
            name,
            Site::new("run = \"axum-router\"\n", &["axum-router"]),
            0,
        )
        .await
    }

    async fn of(name: &'static str, site: Site, set: usize) -> Self {
        let host = Host::start(&site).await;
        Self {
            name,
            address: host.address().to_owned(),
            set,
            process: Process::Stackup(host, site),
        }
    }

    /// One of the example's servers.
    pub(crate) fn rival(name: &'static str, kind: &str, set: usize) -> Self {
        let mut child = Command::new(artifacts::example("rival"))
            .arg(kind)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the rival can be started");
        let mut address = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout)
            .read_line(&mut address)
            .expect("the rival prints its address");
        Self {
            name,
            address: address.trim().to_owned(),
            set,
            process: Process::Rival(child),
        }
    }

    /// The processor time of all its threads, in seconds.
    pub(crate) fn time(&self) -> f64 {
        let pid = match &self.process {
            Process::Stackup(host, _) => host.worker().as_raw_nonzero().get().cast_unsigned(),
            Process::Rival(child) => child.id(),
        };
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("a running server");
        let nanoseconds = tasks.flatten().filter_map(|task| {
            let stat = fs::read_to_string(task.path().join("schedstat")).ok()?;
            stat.split(' ').next()?.parse::<u64>().ok()
        });
        nanoseconds.sum::<u64>() as f64 / 1e9
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Process::Rival(child) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Pins this thread, and those that it starts from here on, to one core. Tokio starts a worker for each
/// core that it may use, so one.
pub(crate) fn stay_on(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).expect("a second core");
}
