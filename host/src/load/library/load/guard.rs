//! Keeps what the host depends on while code of a library runs that may change the whole process.

use std::path::Path;

use nix::sys::signal::{SigSet, Signal};
use stackup_plugin::abi::host::signals::{self, Disposition, SignalChange};

use super::float::FloatControl;
use crate::load::library::Fingerprint;

/// Runs `code` of the plugin or handler `who`: its load or its `init`. What it has changed in the thread or in the
/// handlers of signals is put back and logged.
pub fn guard<R>(who: &str, code: impl FnOnce() -> R) -> R {
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
    returned
}

/// Takes the handlers of signals as they are now for the host's own. Call it before any library is loaded.
pub fn keep_signals() {
    signals::keep();
}

/// Puts back the host's handlers of signals, and logs who has changed them: `who`, unless the handler's code says more.
pub fn restore_signals(who: Option<&str>) {
    let own = std::fs::read_link("/proc/self/exe").unwrap_or_default();
    let changes = signals::restore(|address| mapped_at(address).is_some_and(|file| *own == *file));
    for change in changes {
        let culprit = match change.to {
            Disposition::Handler(address) => mapped_at(address).map(|file| library_name(&file)),
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

/// The file whose mapping contains `address`.
fn mapped_at(address: usize) -> Option<String> {
    let maps = std::fs::read("/proc/self/maps").ok()?;
    file_at(address, &String::from_utf8_lossy(&maps))
}

/// `START-END rwxp OFFSET DEVICE INODE      PATH`, numbers in hex.
fn file_at(address: usize, maps: &str) -> Option<String> {
    let holds = |line: &&str| {
        let range = line
            .split_once(' ')
            .and_then(|(range, _)| range.split_once('-'));
        range.is_some_and(|(start, end)| {
            let hex = |text| usize::from_str_radix(text, 16).ok();
            hex(start).is_some_and(|start| start <= address)
                && hex(end).is_some_and(|end| address < end)
        })
    };
    let line = maps.lines().find(holds)?;
    let path = line.splitn(6, ' ').nth(5)?.trim_start();
    path.starts_with('/').then(|| path.to_owned())
}

/// The plugin's name in the name of a private copy, `NAME-FINGERPRINT.so`; the whole name of any other file.
fn library_name(path: &str) -> String {
    let name = Path::new(path).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    let copy = name
        .strip_suffix(".so")
        .and_then(|stem| stem.rsplit_once('-'));
    match copy {
        Some((plugin, fingerprint)) if fingerprint.parse::<Fingerprint>().is_ok() => {
            plugin.to_owned()
        }
        _ => name.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
1000-2000 r-xp 00000000 fe:00 12      /usr/bin/stackup
2000-3000 rw-p 00000000 00:00 0
3000-4000 r-xp 00000000 fe:00 13      /run/a b-1.so (deleted)
";

    #[test]
    fn address_leads_to_the_mapped_file() {
        let at = |address| file_at(address, MAPS);
        assert_eq!(at(0x1000).as_deref(), Some("/usr/bin/stackup"));
        assert_eq!(at(0x1fff).as_deref(), Some("/usr/bin/stackup"));
        assert_eq!(at(0x2000), None);
        assert_eq!(at(0x3abc).as_deref(), Some("/run/a b-1.so (deleted)"));
        assert_eq!(at(0x4000), None);
        assert_eq!(at(0), None);
    }

    #[test]
    fn private_copy_is_named_after_its_plugin() {
        let copy = format!("/run/stackup/uses-ctrlc-{}.so", Fingerprint::of(b"code"));
        assert_eq!(library_name(&copy), "uses-ctrlc");
        assert_eq!(
            library_name("/lib/x86_64-linux-gnu/libpq-5.so"),
            "libpq-5.so"
        );
        assert_eq!(library_name("/lib/libssl.so.3"), "libssl.so.3");
    }
}
