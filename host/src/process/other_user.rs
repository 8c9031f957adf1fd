//! Another user, for tests of what one may not do.

use rustix::process::Uid;
use rustix::thread::set_thread_uid;

/// What `work` returns as the user `uid`; none, aloud, if this process may not be another user.
pub(crate) fn as_user<T: Send + 'static>(
    uid: u32,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    // The user of this thread alone, which ends with it.
    let thread = std::thread::spawn(move || {
        set_thread_uid(Uid::from_raw(uid)).ok()?;
        Some(work())
    });
    let done = thread.join().unwrap();
    if done.is_none() {
        println!("skipped: only root can be another user");
    }
    done
}
