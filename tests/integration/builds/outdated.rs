//! Builds that are outdated before they end.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use stackup_tests::cargo_site::{app, lib};
use stackup_tests::{CargoSite, DEADLINE, Host, within};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::pipe;

use super::{assert_answers, assert_serves, reload};

/// A build script that reports its start and waits until the test releases it.
const SCRIPT: &str = r#"
use std::io::{Read, Write};

fn main() {
    println!("cargo:rerun-if-changed=src/lib.rs");
    let begun = std::fs::File::options().write(true).open("begun");
    writeln!(begun.unwrap(), "{}", std::process::id()).unwrap();
    std::fs::File::open("gate").unwrap().read_exact(&mut [0]).unwrap();
}
"#;

/// A crate whose builds wait for the test.
struct GatedCrate {
    cargo_site: CargoSite,
    begun: Lines<BufReader<pipe::Receiver>>,
    gate: pipe::Sender,
}

/// The process of a build script.
struct Build(rustix::fd::OwnedFd);

impl GatedCrate {
    fn new() -> Self {
        let cargo_site = CargoSite::new("run = \"hello\"\n", &["hello"]);
        cargo_site.save("plugins/hello/build.rs", SCRIPT);
        let folder = cargo_site.site.path().join("plugins/hello");
        // Git ignores pipes anyway; this makes the watch ignore them too.
        cargo_site.save("plugins/hello/.gitignore", "begun\ngate\n");
        let both = |name: &str| {
            let path = folder.join(name);
            mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).expect("a fifo");
            let mut options = pipe::OpenOptions::new();
            options.read_write(true);
            (options, path)
        };
        let (options, path) = both("begun");
        let begun = options.open_receiver(path).expect("a fifo to read");
        let (options, path) = both("gate");
        Self {
            cargo_site,
            begun: BufReader::new(begun).lines(),
            gate: options.open_sender(path).expect("a fifo to write"),
        }
    }

    fn save(&self, answer: &str) {
        self.cargo_site.save(&lib("hello"), &app(answer));
    }

    /// Waits for the next build, which waits for its release.
    async fn next_build(&mut self) -> Build {
        let line = within("a build", self.begun.next_line()).await;
        let line = line
            .ok()
            .flatten()
            .expect("the build script reports its start");
        let pid = line.parse().ok().and_then(Pid::from_raw);
        let pid = pid.expect("the number of a process");
        Build(pidfd_open(pid, PidfdFlags::empty()).expect("a build that waits"))
    }

    async fn release_build(&mut self) {
        self.gate.write_all(b".").await.expect("a gate");
    }

    /// `stackup dev` after its first build.
    async fn develop(&mut self) -> Host {
        let mut host = self.cargo_site.launch();
        self.next_build().await;
        self.release_build().await;
        host.ready().await;
        host
    }
}

impl Build {
    async fn wait_for_end(self) {
        let ended = tokio::task::spawn_blocking(move || {
            let limit = DEADLINE.try_into().ok();
            poll(&mut [PollFd::new(&self.0, PollFlags::IN)], limit.as_ref())
        });
        let ended = ended.await.expect("a thread");
        assert_eq!(ended, Ok(1), "the build does not end");
    }
}

#[tokio::test]
async fn save_cancels_outdated_build() {
    let mut gated = GatedCrate::new();
    let host = gated.develop().await;
    assert_answers(&host, "hello").await;
    gated.save("second");
    let second = gated.next_build().await;
    gated.save("third");
    second.wait_for_end().await;
    gated.next_build().await;
    // Commands do not wait for cargo.
    let status = gated.cargo_site.site.stackup(&["status"]).await;
    assert_eq!(status.code, Some(0), "{}", status.stderr);
    assert_answers(&host, "hello").await;
    gated.release_build().await;
    let record = assert_serves(&host, "third").await;
    assert_eq!(
        record.number("number"),
        Some(1),
        "{record}\nthe log:\n{}",
        host.log()
    );
}

#[tokio::test]
async fn manifest_change_cancels_build_and_reload_is_answered() {
    let mut gated = GatedCrate::new();
    let host = gated.develop().await;
    gated.save("second");
    let asked = async { gated.cargo_site.site.stackup(&["reload"]).await };
    let (said, ()) = tokio::join!(asked, async {
        let line = within("a build", gated.begun.next_line()).await;
        assert!(line.unwrap().is_some());
        gated
            .cargo_site
            .site
            .manifest("run = \"hello\"\nwarmup = [\"/warm\"]\n");
        let line = within("a build", gated.begun.next_line()).await;
        assert!(line.unwrap().is_some());
        gated.gate.write_all(b".").await.unwrap();
    });
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert_answers(&host, "second").await;
}

#[tokio::test]
async fn build_ends_with_its_worker() {
    let mut gated = GatedCrate::new();
    let mut host = gated.develop().await;
    gated.save("second");
    let build = gated.next_build().await;
    kill_process(host.worker(), Signal::KILL).unwrap();
    build.wait_for_end().await;
    // The next worker reads the files again.
    let build = gated.next_build().await;
    assert_answers(&host, "hello").await;
    gated.release_build().await;
    drop(build);
    let record = reload(&host).await;
    assert_eq!(record.text("outcome"), "swapped", "{record}");
    gated.save("third");
    let build = gated.next_build().await;
    host.signal(Signal::TERM);
    build.wait_for_end().await;
    assert!(host.exited().await.success());
}
