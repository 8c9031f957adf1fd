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
    use std::io::{Read, Write};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use rustix::process::{Signal, kill_process_group};

    use super::*;

    #[test]
    fn all_descendants_count() {
        // `tail` keeps what has no line end.
        let command = "(head -c 67108864 /dev/zero; sleep 600) | tail";
        let mut shell = Command::new("sh");
        let mut shell = shell
            .args(["-c", command])
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let root = Pid::from_child(&shell);
        let (begun, limit) = (Instant::now(), Duration::from_secs(60));
        let mut bytes = 0;
        while bytes < 64 << 20 && begun.elapsed() < limit {
            bytes = of_tree(root);
        }
        kill_process_group(root, Signal::KILL).unwrap();
        shell.wait().unwrap();
        assert!(bytes >= 64 << 20, "{bytes}");
    }

    #[test]
    fn what_several_share_counts_once() {
        let mut cat = Command::new("cat");
        let mut cat = cat
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // From then on it only waits.
        cat.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        let mut echo = [0];
        cat.stdout.as_mut().unwrap().read_exact(&mut echo).unwrap();
        let pid = i32::try_from(cat.id()).unwrap();
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
        let resident = text.lines().find_map(|line| line.strip_prefix("Rss:"));
        let resident = resident.unwrap().trim().trim_end_matches("kB").trim();
        let resident: u64 = resident.parse().unwrap();
        let bytes = proportional(pid).unwrap();
        drop(cat.stdin.take());
        cat.wait().unwrap();
        // It shares the C library with this process.
        assert!(bytes < resident << 10, "{bytes} of {resident} KiB");
    }
}
