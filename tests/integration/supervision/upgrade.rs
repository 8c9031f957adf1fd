//! Upgrade: another program replaces the running one.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use stackup_tests::{Host, Site, artifacts, program};
use tempfile::TempDir;

use super::{code, faulty, wait_for_connection_close, wait_for_reload};

/// A program file that can be replaced. It is a link, as a file that is open for writing can't be run.
struct Program {
    directory: TempDir,
}

impl Program {
    fn new() -> Self {
        let directory = tempfile::tempdir_in(artifacts::target_dir()).expect("a directory");
        fs::hard_link(artifacts::stackup(), directory.path().join("stackup")).expect("a link");
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("stackup")
    }

    fn replace(&self, by: &Path) {
        let next = self.directory.path().join("next");
        program::copy(by, &next);
        fs::rename(next, self.path()).expect("another file in its place");
    }
}

async fn start(program: &Program) -> (Site, Host) {
    let site = Site::new("run = \"faulty\"\n", &[]);
    site.library("faulty", &faulty(1, "none"));
    let arguments = ["-p", "0", "-o", "127.0.0.1"];
    let mut host = Host::launch(&program.path(), &site, &arguments);
    host.ready().await;
    (site, host)
}

/// The executable of a process.
fn executable_of(pid: Pid) -> PathBuf {
    let link = format!("/proc/{}/exe", pid.as_raw_nonzero());
    fs::read_link(link).expect("it runs")
}

#[tokio::test]
async fn upgrade_replaces_worker_and_supervisor_without_lost_request() {
    let program = Program::new();
    let (site, mut host) = start(&program).await;
    let mut connection = host.connect().await;
    for by_signal in [false, true] {
        program.replace(artifacts::stackup());
        assert!(
            executable_of(host.pid())
                .to_string_lossy()
                .ends_with(" (deleted)")
        );
        connection.get("/").await;
        if by_signal {
            host.signal(Signal::USR2);
        } else {
            let said = site.stackup(&["upgrade"]).await;
            assert_eq!(said.code, Some(0), "{said:?}");
        }
        host.event("upgraded").await;
        assert_eq!(
            executable_of(host.pid()),
            program.path(),
            "under its old number"
        );
        wait_for_connection_close(&mut connection).await;
        connection = host.connect().await;
        assert_eq!(code(&host).await, 1);
    }
    // It has the state of the previous one.
    let status = super::control::status(&site).await;
    assert_eq!(status["renewals"], 2, "{status:#}");
    host.next_worker().await;
    let worker = host.next_worker().await.expect("the worker has an id");
    kill_process(worker, Signal::KILL).expect("it is there");
    host.event("crash").await;
    let worker = host.next_worker().await.expect("the worker has an id");
    assert_eq!(executable_of(worker), program.path());
    site.library("faulty", &faulty(2, "none"));
    wait_for_reload(&host, "swapped").await;
    assert_eq!(code(&host).await, 2);
    let said = site.stackup(&["stop"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(host.exited().await.success());
}

#[tokio::test]
async fn upgrade_to_invalid_program_changes_nothing() {
    let program = Program::new();
    let (site, mut host) = start(&program).await;
    let mut connection = host.connect().await;
    connection.get("/").await;
    let supervisor = fs::metadata(format!("/proc/{}/exe", host.pid().as_raw_nonzero()));
    let inode = |of: std::io::Result<fs::Metadata>| {
        use std::os::unix::fs::MetadataExt;
        of.expect("it runs").ino()
    };
    let before = inode(supervisor);
    for nonsense in ["#!/bin/sh\nexit 3\n", "no program"] {
        let file = site.path().join("nonsense");
        program::script(&file, nonsense);
        program.replace(&file);
        let said = site.stackup(&["upgrade"]).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(
            said.stderr.contains("the old worker keeps serving"),
            "{said:?}"
        );
        let now = fs::metadata(format!("/proc/{}/exe", host.pid().as_raw_nonzero()));
        assert_eq!(inode(now), before);
        assert_eq!(connection.get("/").await.header("connection"), None);
    }
    let said = site.stackup(&["stop"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(host.exited().await.success());
}

#[tokio::test]
async fn termination_before_the_new_supervisor_runs_ends_the_service() {
    let program = Program::new();
    let manifest = "run = \"echo\"\n[limits]\nshutdown_timeout = \"1s\"\n";
    let site = Site::new(manifest, &["echo"]);
    let mut host = Host::launch(&program.path(), &site, &["-p", "0", "-o", "127.0.0.1"]);
    host.ready().await;
    host.signal(Signal::USR2);
    host.renewed().await;
    // A request that lasts longer than the pause before the exec.
    let mut connection = host.connect().await;
    connection
        .send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nab")
        .await;
    assert_eq!(connection.head().await.status, 200);
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
}
