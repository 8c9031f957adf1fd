//! A disk that is full for a while.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stackup_tests::{Host, Site, print_skipped};

use super::{FAULTY, code, faulty};

/// A file system of its own, of this many bytes. Unmounted on drop.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one at `path`. None without the right to do that.
    pub(crate) fn mount(path: &Path, bytes: usize) -> Option<Self> {
        let size = format!("size={bytes},mode=700");
        let mut mount = Command::new("mount");
        let mount = mount
            .args(["-t", "tmpfs", "-o", &size, "stackup-test"])
            .arg(path);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Self(path.to_path_buf()))
    }

    /// Takes all the space that is left.
    pub(crate) fn fill(&self) {
        let mut size = 1 << 20;
        while size > 0 {
            let file = self.0.join(format!("filler-{size}"));
            // What fits of it stays, which is the point.
            if fs::write(&file, vec![0; size]).is_err() {
                size /= 16;
            } else if fs::rename(&file, file.with_extension(entries(&self.0).to_string())).is_err()
            {
                return;
            }
        }
    }

    /// Gives it back.
    pub(crate) fn free(&self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("filler-") {
                fs::remove_file(entry.path()).expect("it can be removed");
            }
        }
    }
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a host that ends still uses it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[tokio::test]
async fn reload_that_a_full_disk_refused_is_tried_again() {
    let site = Site::new(FAULTY, &[]);
    let library = faulty(1, "none");
    site.library("faulty", &library);
    let len = library.len();
    let Some(disk) = SmallDisk::mount(&site.runtime(), 8 * len + (1 << 20)) else {
        print_skipped("it may not mount a file system");
        return;
    };
    let host = Host::start(&site).await;
    disk.fill();
    // The host may still have had a second copy of the first library, which it read again; its space is free soon.
    // So the next library needs more than that.
    let mut next = faulty(2, "none");
    next.resize(3 * len, 0);
    site.library("faulty", &next);
    let refused = host.reload("refused").await;
    assert!(refused.to_string().contains("No space left"), "{refused}");
    let retry = host.event("reload-retry").await;
    assert!(retry.message().contains("trying again in 1s"), "{retry}");
    // Nothing is said twice while it is still full.
    host.event("reload-retry").await;
    assert_eq!(code(&host).await, 1);
    disk.free();
    host.reload("swapped").await;
    assert_eq!(code(&host).await, 2);
    drop(host);
}
