//! Whose code each thread runs.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use super::{ByFile, ProcMaps};
use crate::services::own_threads;

/// How much of a thread's stack is searched, from its end on.
const SEARCHED: u64 = 256 << 10;

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
        if let Some(file) = outermost(&stack, &maps, &is_library) {
            *threads.entry(file.to_owned()).or_default() += 1;
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
