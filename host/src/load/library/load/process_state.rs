//! What the code of a library can change for the whole process, looked at before and after it runs.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsString};
use std::path::PathBuf;

use nix::libc;
use nix::sys::signal::SigSet;
use rustix::process::{Resource, Rlimit, getrlimit};
use stackup_plugin::abi::host::signals::Dispositions;

use super::float::FloatControl;
use super::guard::signal_name;

/// The limits that programs change, with the words for them.
const LIMITS: [(Resource, &str); 6] = [
    (Resource::Nofile, "open files"),
    (Resource::Core, "core files"),
    (Resource::Stack, "stacks"),
    (Resource::As, "address space"),
    (Resource::Data, "data"),
    (Resource::Nproc, "processes"),
];

/// The state at one moment, as the current thread sees it.
#[derive(Debug)]
pub struct ProcessState {
    directory: Option<PathBuf>,
    umask: Option<String>,
    locale: Option<String>,
    environment: BTreeMap<OsString, OsString>,
    limits: [Rlimit; LIMITS.len()],
    blocked: Option<SigSet>,
    signals: Dispositions,
    float: FloatControl,
}

/// A change, in words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProcessChange {
    /// What, and how it was before.
    pub what: String,
    /// Whether the host sets it back where it serves (`guard`).
    pub set_back: bool,
}

impl ProcessState {
    /// Looks at it.
    pub fn read() -> Self {
        Self {
            directory: std::env::current_dir().ok(),
            umask: umask(),
            locale: locale(),
            environment: std::env::vars_os().collect(),
            limits: LIMITS.map(|(limit, _)| getrlimit(limit)),
            blocked: SigSet::thread_get_mask().ok(),
            signals: Dispositions::read(),
            float: FloatControl::of_this_thread(),
        }
    }

    /// Sets back what belongs to the current thread alone.
    pub fn set_back_thread(&self) {
        self.float.set();
        if let Some(blocked) = &self.blocked {
            // The system has accepted it before.
            let _ = blocked.thread_set_mask();
        }
    }

    /// How `after` differs, a line for each thing.
    pub fn changes(&self, after: &Self) -> Vec<ProcessChange> {
        let stays = [
            differs(
                "the working directory",
                &shown(&self.directory),
                &shown(&after.directory),
            ),
            differs("the umask", &self.umask, &after.umask),
            differs("the locale", &self.locale, &after.new_categories(self)),
            self.environment_change(after),
        ];
        let set_back = [
            (self.blocked != after.blocked).then(|| "which signals are blocked".to_owned()),
            self.signal_change(after),
            self.float
                .change(after.float)
                .map(|change| format!("floating point ({change})")),
        ];
        let change = |set_back| move |what| ProcessChange { what, set_back };
        let stays = stays.into_iter().flatten().chain(self.limit_changes(after));
        let stays = stays.map(change(false));
        stays
            .chain(set_back.into_iter().flatten().map(change(true)))
            .collect()
    }

    /// Names only: values may be secrets.
    fn environment_change(&self, after: &Self) -> Option<String> {
        let other = |name: &&OsString| self.environment.get(*name) != after.environment.get(*name);
        let mut names: Vec<_> = self
            .environment
            .keys()
            .chain(after.environment.keys())
            .filter(other)
            .map(|name| format!("`{}`", name.to_string_lossy()))
            .collect();
        names.sort();
        names.dedup();
        (!names.is_empty()).then(|| format!("environment variables ({})", names.join(", ")))
    }

    /// The locale; if its categories differ, only those that are not as `before`.
    fn new_categories(&self, before: &Self) -> Option<String> {
        let locale = self.locale.as_ref()?;
        // `LC_CTYPE=C.UTF-8;LC_NUMERIC=C;…`
        let is_new = |category: &&str| {
            let value = category.split_once('=').map(|(_, value)| value);
            value.is_none() || value != before.locale.as_deref()
        };
        let new: Vec<_> = locale.split(';').filter(is_new).collect();
        Some(new.join(";"))
    }

    fn limit_changes(&self, after: &Self) -> impl Iterator<Item = String> {
        let pairs = LIMITS.iter().zip(self.limits.iter().zip(&after.limits));
        pairs.filter_map(|((_, what), (before, after))| {
            let text = |limit: &Rlimit| {
                limit
                    .current
                    .map_or("no".to_owned(), |limit| limit.to_string())
            };
            (before.current != after.current).then(|| {
                format!(
                    "the limit of {what} ({} in place of {})",
                    text(after),
                    text(before)
                )
            })
        })
    }

    fn signal_change(&self, after: &Self) -> Option<String> {
        let changes = self.signals.changes(&after.signals);
        let names: Vec<_> = changes
            .iter()
            .map(|change| signal_name(change.signal))
            .collect();
        (!names.is_empty()).then(|| format!("the handlers of {}", names.join(", ")))
    }
}

fn differs(what: &str, before: &Option<String>, after: &Option<String>) -> Option<String> {
    let text = |value: &Option<String>| match value {
        Some(value) => format!("`{value}`"),
        None => "none".to_owned(),
    };
    (before != after).then(|| format!("{what} ({} in place of {})", text(after), text(before)))
}

fn shown(path: &Option<PathBuf>) -> Option<String> {
    path.as_ref().map(|path| path.display().to_string())
}

/// As the system reports it: asking C for it would change it for a moment.
fn umask() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Umask:"))?;
    Some(line.trim().to_owned())
}

/// C's locale, which decides how C reads and writes numbers.
fn locale() -> Option<String> {
    // SAFETY: without a new locale it only asks. The result is a C string that stays until the next call that sets the
    // locale; in this process, a probe, nothing else runs now.
    let name = unsafe {
        let name = libc::setlocale(libc::LC_ALL, std::ptr::null());
        (!name.is_null()).then(|| CStr::from_ptr(name))
    };
    name.map(|name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> ProcessState {
        ProcessState::read()
    }

    fn changes(change: impl FnOnce(&mut ProcessState)) -> Vec<String> {
        let before = state();
        let mut after = ProcessState::read();
        after.environment.clone_from(&before.environment);
        change(&mut after);
        let changes = before.changes(&after).into_iter();
        changes.map(|change| change.what).collect()
    }

    #[test]
    fn unchanged_state_has_no_changes() {
        assert_eq!(changes(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn each_change_is_named_with_what_was_before() {
        let directory = std::env::current_dir().unwrap();
        assert_eq!(
            changes(|state| state.directory = Some("/elsewhere".into())),
            [format!(
                "the working directory (`/elsewhere` in place of `{}`)",
                directory.display()
            )]
        );
        assert_eq!(
            changes(|state| state.locale = Some("de_DE.UTF-8".into())),
            ["the locale (`de_DE.UTF-8` in place of `C`)"]
        );
        let mixed = "LC_CTYPE=C.UTF-8;LC_NUMERIC=C;LC_TIME=C";
        assert_eq!(
            changes(|state| state.locale = Some(mixed.into())),
            ["the locale (`LC_CTYPE=C.UTF-8` in place of `C`)"]
        );
        let umask = changes(|state| state.umask = Some("0777".into()));
        assert!(
            umask[0].starts_with("the umask (`0777` in place of `0"),
            "{umask:?}"
        );
        let limit = changes(|state| state.limits[0].current = Some(7));
        assert!(
            limit[0].starts_with("the limit of open files (7 in place of "),
            "{limit:?}"
        );
    }

    #[test]
    fn variables_are_named_without_their_values() {
        let added = changes(|state| {
            state.environment.insert("Z_NEW".into(), "secret".into());
            state.environment.insert("A_NEW".into(), "secret".into());
        });
        assert_eq!(added, ["environment variables (`A_NEW`, `Z_NEW`)"]);
    }

    #[test]
    fn blocked_signals_are_set_back() {
        let before = state();
        let after = ProcessState {
            blocked: Some(SigSet::all()),
            ..state()
        };
        let changes = before.changes(&after);
        assert!(
            changes
                .iter()
                .any(|change| change.set_back && change.what == "which signals are blocked")
        );
    }
}
