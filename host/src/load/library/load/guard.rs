//! Keeps what the host depends on while code of a library runs that may change the whole process.

use std::path::Path;

use nix::sys::signal::{SigSet, Signal};
use stackup_plugin::abi::host::signals::{self, Disposition, SignalChange};

use super::float::FloatControl;
use crate::load::library::usage::{ProcMaps, descriptors, library_name, threads};

/// Runs `code` of the plugin or handler `who`: its load or its `init`. What it has changed in the thread or in the
/// handlers of signals is put back and logged. The descriptors and threads that it leaves are charged to the library in `copy`.
pub(super) fn guard<R>(who: &str, copy: Option<&Path>, code: impl FnOnce() -> R) -> R {
    let before = copy.map(|copy| (copy, descriptors::open_now(), threads::ids_now()));
    let (float, blocked) = (FloatControl::of_this_thread(), SigSet::thread_get_mask());
    let returned = code();
    if let Some(change) = float.change(FloatControl::of_this_thread()) {
        float.set();
        tracing::warn!(
            event = "process-changed",
            handler = who,
            what = "floating point",
            "`{who}` has changed floating point for every plugin ({change}): it was set back\n\nhelp: link it \
             without `-ffast-math`"
        );
    }
    if let (Ok(before), Ok(after)) = (blocked, SigSet::thread_get_mask())
        && before != after
        // The system has just accepted it.
        && before.thread_set_mask().is_ok()
    {
        tracing::warn!(
            event = "process-changed",
            handler = who,
            what = "blocked signals",
            "`{who}` has changed which signals its thread blocks: it was set back"
        );
    }
    restore_signals(Some(who));
    if let Some((copy, open, running)) = before {
        descriptors::charge(copy, &open);
        threads::charge(copy, &running);
    }
    returned
}

/// Takes the handlers of signals as they are now for the host's own. Call it before any library is loaded.
pub fn keep_signals() {
    signals::keep();
}

/// Puts back the host's handlers of signals, and logs who has changed them: `who`, unless the handler's code says more.
pub fn restore_signals(who: Option<&str>) {
    let file = |address: usize| {
        let maps = ProcMaps::read().ok()?;
        maps.file_at(address as u64).map(str::to_owned)
    };
    let is_ours = |address| {
        let own = std::fs::read_link("/proc/self/exe");
        file(address).is_some_and(|file| own.is_ok_and(|own| *own == *file))
    };
    let changes = signals::restore(is_ours);
    for change in changes {
        let culprit = match change.to {
            Disposition::Handler(address) => file(address).map(|file| library_name(&file)),
            Disposition::Default | Disposition::Ignored => None,
        };
        let culprit = culprit.or_else(|| who.map(str::to_owned));
        let culprit = culprit.as_deref().unwrap_or("a plugin");
        let (signal, said) = (signal_name(change.signal), said(&change));
        tracing::warn!(
            event = "process-changed",
            handler = who,
            library = culprit,
            what = signal,
            "`{culprit}` has taken {signal} from the whole process: {said}"
        );
    }
}

fn said(change: &SignalChange) -> &'static str {
    match (change.kept, change.to) {
        (true, Disposition::Handler(_)) => "stackup's handler is back, and calls the plugin's",
        (true, Disposition::Ignored) => "it was ignored; stackup's action is back",
        (true, Disposition::Default) => "it had the default action; stackup's is back",
        (false, _) => "stackup has no handler of its own for it, so it stays",
    }
}

pub(super) fn signal_name(number: i32) -> &'static str {
    Signal::try_from(number).map_or("a signal", Signal::as_str)
}
