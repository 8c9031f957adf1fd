//! Crashes, renewals and upgrades leave no process, file or descriptor behind.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use stackup_tests::{Host, within};

use super::{FAULTY, crash_worker, start, swap};

/// Waits until the supervisor has exactly one child, and returns it.
async fn only_child(host: &Host) -> Pid {
    let pid = host.pid().as_raw_nonzero();
    let path = format!("/proc/{pid}/task/{pid}/children");
    let one = async {
        loop {
            let text = fs::read_to_string(&path).expect("it runs");
            let mut children = text.split_whitespace();
            if let (Some(child), None) = (children.next(), children.next()) {
                let child = child.parse().expect("a number");
                return Pid::from_raw(child).expect("a process");
            }
            tokio::task::yield_now().await;
        }
    };
    within("one child", one).await
}

fn descriptors(pid: Pid) -> usize {
    entries(Path::new(&format!("/proc/{}/fd", pid.as_raw_nonzero()))).len()
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry
            .expect("it can be read")
            .file_name()
            .to_string_lossy()
            .into_owned()
    };
    entries.map(name).collect()
}

#[tokio::test]
async fn processes_leave_no_extra_file_or_descriptor() {
    let (site, mut host) = start(FAULTY, 1, "segv").await;
    // The first crash creates what is created once.
    crash_worker(&host).await;
    only_child(&host).await;
    let before = descriptors(host.pid());
    let of_a_worker = descriptors(only_child(&host).await);
    for code in 2..=3 {
        crash_worker(&host).await;
        let worker = only_child(&host).await;
        kill_process(worker, Signal::KILL).expect("it is there");
        host.event("crash").await;
        host.next_worker().await;
        let said = site.stackup(&["restart"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        host.next_worker().await;
        let said = site.stackup(&["upgrade"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        host.next_worker().await;
        host.event("upgraded").await;
        swap(&site, &host, code, "segv").await;
    }
    let worker = only_child(&host).await;
    let stat = fs::read_to_string(format!("/proc/{}/stat", worker.as_raw_nonzero()));
    let stat = stat.expect("it runs");
    assert!(!stat.contains(") Z "), "{stat}");
    // The libraries of two earlier stacks stay open (`stackup rollback`).
    within("no more descriptors than before", async {
        while descriptors(host.pid()) > before + 2 || descriptors(worker) > of_a_worker {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let kept = entries(&site.runtime());
    assert_eq!(kept.len(), 2, "one of each process: {kept:?}");
    // The supervisor cleans up after a worker that can't.
    kill_process(worker, Signal::STOP).expect("it is there");
    kill_process(worker, Signal::KILL).expect("it is there");
    let said = site.stackup(&["stop"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(host.exited().await.success());
    assert_eq!(entries(&site.runtime()), [""; 0]);
    let left = entries(site.path());
    assert!(!left.iter().any(|name| name.contains(".sock")), "{left:?}");
}
