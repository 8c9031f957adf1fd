//! The memory of a process and of all that it has started.

use std::fs;

use rustix::process::Pid;

/// Their bytes; what several of them share counts once.
pub(super) fn of_tree(root: Pid) -> u64 {
    let mut all = vec![root.as_raw_nonzero().get()];
    let mut bytes = 0;
    // A process that has just ended counts as nothing.
    while let Some(pid) = all.pop() {
        bytes += proportional(pid).unwrap_or(0);
        all.extend(children(pid));
    }
    bytes
}

/// The bytes of its own, and its part of those that it shares.
fn proportional(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

fn children(pid: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.into_iter().flatten().filter_map(Result::ok);
    threads
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|text| {
            let pids = text.split_whitespace().map(str::parse);
            pids.filter_map(Result::ok).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_counts_with_its_parent() {
        let this = rustix::process::getpid();
        let own = of_tree(this);
        assert!(own > 1 << 20);
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let found = children(this.as_raw_nonzero().get());
        assert!(
            found.contains(&i32::try_from(child.id()).unwrap()),
            "{found:?}"
        );
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
