//! Why the system's loader refuses a library, and what helps. Pure: it reads the loader's own message.

use std::fmt;

/// The loader's message about a library, in glibc's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoaderError {
    message: String,
    obstacle: Option<Obstacle>,
    /// The libraries on this system that are like the one that is missing.
    alike: Vec<String>,
}

/// What the message means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Obstacle {
    /// It needs static TLS, and the process has too little left.
    StaticTls,
    /// Symbols of Python's interpreter, which no library on its list has.
    Python,
    /// Symbols or the library of a sanitizer's runtime.
    Sanitizer,
    /// Another symbol that no library on its list has.
    Symbol(String),
    /// std as a library of its own.
    SharedStd,
    /// A C library that is not there.
    Missing(String),
    /// A newer version of a C library.
    Version { library: String, version: String },
    /// Stacks that can be executed.
    ExecutableStack,
}

impl LoaderError {
    /// The error of this `message` about the library in the file `path`. `installed` lists the system's libraries; it is
    /// called if one is missing.
    pub(super) fn new(message: &str, path: &str, installed: impl FnOnce() -> Vec<String>) -> Self {
        // The private copy's path means nothing to people.
        let own = message
            .strip_prefix(path)
            .and_then(|it| it.strip_prefix(": "));
        let message = own
            .unwrap_or(message)
            .replace(&format!(" (required by {path})"), "");
        let obstacle = Obstacle::of(&message);
        let message = match (&obstacle, message.find(": ")) {
            // The folder of a C library means nothing either.
            (Some(Obstacle::Version { library, .. }), Some(end)) => {
                format!("{library}{}", &message[end..])
            }
            _ => message,
        };
        let alike = match &obstacle {
            Some(Obstacle::Missing(library)) => alike(library, installed()),
            _ => Vec::new(),
        };
        Self {
            message,
            obstacle,
            alike,
        }
    }

    /// Whether a process that has loaded less may succeed.
    pub fn is_exhaustion(&self) -> bool {
        self.obstacle == Some(Obstacle::StaticTls)
    }

    /// What the plugin's author or the site's owner can do.
    pub fn help(&self) -> Option<String> {
        Some(match self.obstacle.as_ref()? {
            Obstacle::StaticTls => "an allocator takes it: build jemalloc (`tikv-jemallocator`) with its feature \
                 `disable_initial_exec_tls`, or mimalloc with `local_dynamic_tls`; a small allocation then takes \
                 about twice as long"
                .to_owned(),
            Obstacle::Python => "it needs Python's library before it: name that in the manifest, as in \
                 `[plugins] preload = [\"libpython3.11.so.1.0\"]`"
                .to_owned(),
            Obstacle::Sanitizer => "it was built with a sanitizer, whose runtime must come first in a process: build \
                 the plugin without `-Zsanitizer` or `-fsanitize`, and test it under the sanitizer in a program of \
                 its own"
                .to_owned(),
            Obstacle::Symbol(_) => "link the library that has this symbol (`cargo:rustc-link-lib=…` in a build \
                 script), or name it in `[plugins] preload` if it can't be linked"
                .to_owned(),
            Obstacle::SharedStd => "it was built with `-C prefer-dynamic`: build it without, so that it contains \
                 its own std"
                .to_owned(),
            Obstacle::Missing(library) => missing_help(library, &self.alike),
            Obstacle::Version { library, version } => format!(
                "it was built on a system with a newer `{library}` (`{version}`): build it on this system, or on the \
                 oldest that it must run on"
            ),
            Obstacle::ExecutableStack => super::describe::EXECUTABLE_STACK_HELP.to_owned(),
        })
    }
}

impl fmt::Display for LoaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// How the names of sanitizers' runtimes begin.
const RUNTIMES: [&str; 6] = [
    "libasan.",
    "libhwasan.",
    "liblsan.",
    "libtsan.",
    "libubsan.",
    "libclang_rt.",
];

/// What AddressSanitizer's runtime writes before it ends a process that has loaded it later than at its start.
const NOT_FIRST: &str = "runtime does not come first in initial library list";

impl Obstacle {
    fn of(message: &str) -> Option<Self> {
        if message.contains("static TLS block") {
            // ThreadSanitizer's takes 768 KiB: no fresh process has that either.
            let runtime = RUNTIMES.iter().any(|name| message.contains(name));
            return Some(if runtime {
                Self::Sanitizer
            } else {
                Self::StaticTls
            });
        }
        if message.contains("executable stack") {
            return Some(Self::ExecutableStack);
        }
        if let Some(symbol) = Self::symbol(message) {
            return Some(match symbol {
                _ if is_pythons(symbol) => Self::Python,
                _ if is_sanitizers(symbol) => Self::Sanitizer,
                _ => Self::Symbol(symbol.to_owned()),
            });
        }
        if let Some(library) = message.strip_suffix(": No such file or directory")
            && let Some(library) = library.strip_suffix(": cannot open shared object file")
        {
            return Some(match library {
                _ if library.starts_with("libstd-") => Self::SharedStd,
                _ if RUNTIMES.iter().any(|start| library.starts_with(start)) => Self::Sanitizer,
                _ => Self::Missing(library.to_owned()),
            });
        }
        // `/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found`
        let (library, rest) = message.split_once(": version `")?;
        let version = rest.split_once("' not found")?.0.to_owned();
        let library = library.rsplit('/').next().unwrap_or(library).to_owned();
        Some(Self::Version { library, version })
    }

    fn symbol(message: &str) -> Option<&str> {
        let symbol = message.split_once("undefined symbol: ")?.1;
        // A symbol with a version has it after a comma.
        symbol.split([',', ' ', '\n']).next()
    }
}

/// What helps where a plugin's own words say why: the error of an `init` that quotes the loader, as that of an interpreter that
/// loads its modules, and the last words of a sanitizer's runtime.
pub fn help_in(text: &str) -> Option<String> {
    let obstacle = match Obstacle::symbol(text) {
        Some(symbol) if is_pythons(symbol) => Obstacle::Python,
        _ if text.contains(NOT_FIRST) => Obstacle::Sanitizer,
        _ => return None,
    };
    let error = LoaderError {
        message: String::new(),
        obstacle: Some(obstacle),
        alike: Vec::new(),
    };
    error.help()
}

fn is_pythons(symbol: &str) -> bool {
    let name = symbol.strip_prefix('_').unwrap_or(symbol);
    let rest = name.strip_prefix("Py");
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase() || c == '_'))
}

fn is_sanitizers(symbol: &str) -> bool {
    let kinds = [
        "asan",
        "hwasan",
        "lsan",
        "msan",
        "sanitizer",
        "tsan",
        "ubsan",
    ];
    let name = symbol.strip_prefix("__").unwrap_or_default();
    kinds.iter().any(|kind| {
        name.strip_prefix(kind)
            .is_some_and(|rest| rest.starts_with('_'))
    })
}

fn missing_help(library: &str, alike: &[String]) -> String {
    let package = debian_package(library);
    let install = match &package {
        Some(package) => {
            format!("install `{library}`; on Debian its package is probably `{package}`")
        }
        None => format!("install `{library}`, or put it where `ldconfig` finds it"),
    };
    match alike {
        [] => install,
        alike => {
            let names: Vec<_> = alike.iter().map(|name| format!("`{name}`")).collect();
            format!(
                "this system has {}: build the plugin on this system; or {install}",
                names.join(" and ")
            )
        }
    }
}

/// The Debian package of a library, by the rule of Debian's policy (§8.1): its name, its version, and a hyphen between
/// two digits.
fn debian_package(library: &str) -> Option<String> {
    let (name, version) = library.split_once(".so.")?;
    let hyphen = match name.ends_with(|c: char| c.is_ascii_digit()) {
        true => "-",
        false => "",
    };
    Some(
        format!("{name}{hyphen}{version}")
            .to_lowercase()
            .replace('_', "-"),
    )
}

/// The names of `installed` that have another version of `library`.
fn alike(library: &str, installed: Vec<String>) -> Vec<String> {
    let stem = |name: &str| name.split_once(".so").map(|(stem, _)| stem.to_owned());
    let wanted = stem(library);
    let is_alike = |name: &String| name != library && stem(name) == wanted;
    let mut alike: Vec<_> = installed.into_iter().filter(is_alike).collect();
    alike.sort();
    alike.dedup();
    alike
}

/// The names in the output of `ldconfig -p`.
pub(super) fn installed_libraries(printed: &str) -> Vec<String> {
    let lines = printed.lines().filter(|line| line.contains(" => "));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[cfg(test)]
#[path = "loader_error_tests.rs"]
mod tests;
