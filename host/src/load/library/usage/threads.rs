//! Whose code each thread runs.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{ByFile, ProcMaps};
use crate::services::own_threads;

/// How much of a thread's stack is searched, from its end on.
const SEARCHED: u64 = 256 << 10;

/// A thread that was started while a library's code ran alone.
#[derive(Debug, PartialEq, Eq)]
struct Started {
    id: i32,
    /// A later thread may have the same id.
    at: u64,
    /// The private copy of the library.
    copy: String,
}

static STARTED: Mutex<Vec<Started>> = Mutex::new(Vec::new());

/// The ids of all threads; none where the system does not list them.
pub(in crate::load::library) fn ids_now() -> BTreeSet<i32> {
    let entries = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let id = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.filter_map(id).collect()
}

/// Charges the threads that were started since `before` to the library whose private copy is `copy`.
pub(in crate::load::library) fn charge(copy: &Path, before: &BTreeSet<i32>) {
    let now = ids_now();
    let new = now
        .difference(before)
        .filter(|id| !own_threads::contains(**id));
    let new = new.filter_map(|id| {
        Some(Started {
            id: *id,
            at: start_time(*id)?,
            copy: copy.to_string_lossy().into_owned(),
        })
    });
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    started.retain(|one| start_time(one.id) == Some(one.at));
    started.extend(new);
}

/// The library that a thread was charged to.
fn charged(id: i32) -> Option<String> {
    let started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    let one = started.iter().find(|one| one.id == id)?;
    (start_time(id) == Some(one.at)).then(|| one.copy.clone())
}

/// When a thread was started, in ticks since the system was.
fn start_time(id: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/self/task/{id}/stat")).ok()?;
    // The name before may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// How many threads run each file's code, apart from those that this program has started to run any plugin's.
///
/// The outermost function of a thread tells whose it is, and in glibc its address is stored above the stack as well.
///
/// # Errors
///
/// When the system does not report its threads.
pub(in crate::load::library) fn by_file(is_library: impl Fn(&str) -> bool) -> io::Result<ByFile> {
    let maps = ProcMaps::read()?;
    let memory = File::open("/proc/self/mem")?;
    let mut threads = ByFile::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let id = entry?.file_name();
        let id = id.to_str().and_then(|id| id.parse().ok());
        let Some(id) = id.filter(|id| !own_threads::contains(*id)) else {
            continue;
        };
        let stack = stack(id, &maps, &memory).unwrap_or_default();
        let file = outermost(&stack, &maps, &is_library).map(str::to_owned);
        // A thread that runs right now does not show its stack.
        if let Some(file) = file.or_else(|| charged(id)) {
            *threads.entry(file).or_default() += 1;
        }
    }
    Ok(threads)
}

/// The used part of a thread's stack, and what lies above it. `None` if it runs right now or has ended.
fn stack(thread: i32, maps: &ProcMaps, memory: &File) -> Option<Vec<u8>> {
    let state = fs::read_to_string(format!("/proc/self/task/{thread}/syscall")).ok()?;
    let pointer = stack_pointer(&state)?;
    let end = maps.end_of(pointer)?;
    let start = pointer.max(end.saturating_sub(SEARCHED)) & !7;
    let mut bytes = vec![0; usize::try_from(end - start).ok()?];
    memory.read_exact_at(&mut bytes, start).ok()?;
    Some(bytes)
}

/// `NUMBER ARGUMENTS… STACK CODE` in a system call, `-1 STACK CODE` elsewhere, `running` on a processor.
fn stack_pointer(state: &str) -> Option<u64> {
    let pointer = state.split_whitespace().rev().nth(1)?;
    u64::from_str_radix(pointer.strip_prefix("0x")?, 16).ok()
}

/// The library with the code that the last word in `stack` leads to which leads to any library's.
fn outermost<'a>(
    stack: &[u8],
    maps: &'a ProcMaps,
    is_library: &impl Fn(&str) -> bool,
) -> Option<&'a str> {
    let words = stack.as_chunks::<8>().0.iter().rev();
    let code = |word: &[u8; 8]| maps.code_at(u64::from_ne_bytes(*word));
    words.filter_map(code).find(|file| is_library(file))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn stack_pointer_is_the_last_but_one() {
        let in_a_call = "202 0x7f01 0x80 0x0 0x0 0x0 0x0 0x7ffe10 0x7f22\n";
        assert_eq!(stack_pointer(in_a_call), Some(0x7ffe10));
        assert_eq!(stack_pointer("-1 0x7ffe20 0x7f22\n"), Some(0x7ffe20));
        assert_eq!(stack_pointer("running\n"), None);
        assert_eq!(stack_pointer(""), None);
    }

    #[test]
    fn outermost_code_of_a_library_tells_whose_a_thread_is() {
        let maps = ProcMaps::parse(
            "1000-2000 r-xp 0 0:0 1 /a.so\n2000-3000 r-xp 0 0:0 2 /b.so\n3000-4000 rw-p 0 0:0 2 /b.so\n",
        );
        let stack: Vec<u8> = [0x1010_u64, 0x2010, 0x3010, 7]
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        assert_eq!(outermost(&stack, &maps, &|_| true), Some("/b.so"));
        assert_eq!(
            outermost(&stack, &maps, &|file| file == "/a.so"),
            Some("/a.so")
        );
        assert_eq!(outermost(&stack[24..], &maps, &|_| true), None);
    }

    #[test]
    fn thread_is_charged_to_the_library_that_has_started_it_until_it_ends() {
        let (stop, wait) = mpsc::channel::<()>();
        let (ready, started) = mpsc::channel();
        let before = ids_now();
        let running = thread::spawn(move || {
            ready.send(rustix::thread::gettid()).unwrap();
            let _ = wait.recv();
        });
        let id = started.recv().unwrap().as_raw_nonzero().get();
        assert!(start_time(id).is_some());
        charge(Path::new("/run/a library of this test.so"), &before);
        assert_eq!(
            charged(id).as_deref(),
            Some("/run/a library of this test.so")
        );
        drop(stop);
        running.join().unwrap();
        // The system ends it a moment after it has let others know.
        while charged(id).is_some() {
            thread::yield_now();
        }
    }

    #[test]
    fn waiting_thread_is_counted_unless_it_is_our_own() {
        let program = std::env::current_exe().unwrap();
        let is_this = |file: &str| program.to_str() == Some(file);
        let count = || by_file(is_this).unwrap().into_values().sum::<u64>();
        let (stop, wait) = mpsc::channel::<()>();
        let (ready, started) = mpsc::channel();
        let waiting = thread::spawn(move || {
            own_threads::enter();
            ready.send(rustix::thread::gettid()).unwrap();
            let _ = wait.recv();
            own_threads::leave();
        });
        let id = started.recv().unwrap().as_raw_nonzero().get();
        assert!(own_threads::contains(id));
        // Other tests have threads, too; this one alone is certain.
        let maps = ProcMaps::read().unwrap();
        let memory = File::open("/proc/self/mem").unwrap();
        let mut found = None;
        while found.is_none() {
            found = stack(id, &maps, &memory);
        }
        let file = outermost(&found.unwrap(), &maps, &is_this).map(str::to_owned);
        assert_eq!(file.as_deref(), program.to_str());
        let _ = count();
        drop(stop);
        waiting.join().unwrap();
        assert!(!own_threads::contains(id));
    }
}
