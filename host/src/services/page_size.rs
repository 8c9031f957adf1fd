//! The size of a page of memory.

use nix::unistd::{SysconfVar, sysconf};

/// In bytes. It asks the C library: rustix reads what the kernel gave the process, which valgrind has replaced.
pub(crate) fn page_size() -> usize {
    let size = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| usize::try_from(size).ok())
        .unwrap_or(4096)
}
