//! The `stackup` binary and the plugins, built once per process, in the test's own profile.

mod apart;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

pub use self::apart::{real_crate, recipe, recipes_tests};

/// The plugins that are built without features of stackup-plugin, as most authors build theirs.
const PLUGINS: &[&str] = &[
    "answers",
    "body-limit",
    "concurrency-limit",
    "conditional-get",
    "config",
    "content-length",
    "content-type",
    "deflater",
    "etag",
    "head",
    "lint",
    "lock",
    "method-override",
    "null-logger",
    "show-exceptions",
    "show-status",
    "throttle",
    "timeout",
    "headers",
    "hello",
    "bad-init",
    "blocks",
    "faulty",
    "fetch-calls",
    "late",
    "lies",
    "lives",
    "logs",
    "marked",
    "logger",
    "not-a-plugin",
    "offends",
    "other-allocator",
    "panics",
    "pig-latin",
    "proxy",
    "probe",
    "received",
    "shaky",
    "runtime",
    "stamp",
    "ten-headers",
    "tokio-missing",
    // The shelf.
    "basic-auth",
    "cache",
    "cors",
    "directory",
    "echo",
    "env",
    "files",
    "force-ssl",
    "guest",
    "health",
    "host-authorization",
    "maintenance",
    "metrics",
    "recursive",
    "redirect",
    "request-id",
    "respond",
    "rewrite",
    "security-headers",
    "sendfile",
    "session",
    "static",
    "store-calls",
    "tally",
    "upgrades",
    "visits",
    // The examples.
    "desk",
    "ticker",
    "todos",
];

/// The libraries and programs of one cargo run, by target name.
type Artifacts = HashMap<String, PathBuf>;

/// The `stackup` binary.
///
/// # Panics
///
/// If it does not build.
pub fn stackup() -> &'static Path {
    static BUILT: OnceLock<Artifacts> = OnceLock::new();
    let built = BUILT.get_or_init(|| build(["build", "-p", "stackup", "--bin", "stackup"]));
    find(built, "stackup")
}

/// An example of this package.
///
/// # Panics
///
/// If it does not build.
pub fn example(name: &str) -> PathBuf {
    let built = build(["build", "-p", "stackup-tests", "--example", name]);
    find(&built, name).to_path_buf()
}

/// A program with stacks in it, of `examples/`.
///
/// # Panics
///
/// If it does not build.
pub fn embedder(name: &str) -> &'static Path {
    static BUILT: OnceLock<Artifacts> = OnceLock::new();
    // Without the other packages, which use other features of the host.
    let built = BUILT.get_or_init(|| {
        let packages = ["embed-axum", "embed-hyper", "embed-lambda"];
        let packages = packages.iter().flat_map(|name| ["-p", name]);
        build(["build"].into_iter().chain(packages))
    });
    find(built, name)
}

/// The library of a plugin of this workspace.
///
/// # Panics
///
/// If it does not build.
pub fn plugin(package: &str) -> &'static Path {
    static PLAIN: OnceLock<Artifacts> = OnceLock::new();
    static TOKIO: OnceLock<Artifacts> = OnceLock::new();
    static WEBSOCKET: OnceLock<Artifacts> = OnceLock::new();
    static ABORTS: OnceLock<Artifacts> = OnceLock::new();
    static AXUM: OnceLock<Artifacts> = OnceLock::new();
    let built = match package {
        // A separate run: within one, cargo unifies the features of all packages.
        "tokio-net" | "shares" => {
            TOKIO.get_or_init(|| build(["build", "-p", "tokio-net", "-p", "shares"]))
        }
        "chat" | "websockets" => {
            WEBSOCKET.get_or_init(|| build(["build", "-p", "chat", "-p", "websockets"]))
        }
        "axum-router" => AXUM.get_or_init(|| build(["build", "-p", "axum-router"])),
        // As with `panic = "abort"` in the profile, but without a rebuild of all dependencies.
        "aborts" => {
            ABORTS.get_or_init(|| build(["rustc", "-p", "aborts", "--lib", "--", "-Cpanic=abort"]))
        }
        _ => PLAIN.get_or_init(|| {
            let packages = PLUGINS.iter().flat_map(|name| ["-p", name]);
            build(["build"].into_iter().chain(packages))
        }),
    };
    find(built, package)
}

/// A plugin of this workspace built by the nightly compiler with randomised layouts. `None` if nightly is not
/// installed.
///
/// # Panics
///
/// If it does not build.
pub fn nightly_plugin(package: &str) -> Option<PathBuf> {
    let rustup = ["rustup", "run", "nightly"].map(OsString::from);
    let mut found = Command::new(&rustup[0]);
    found.args(&rustup[1..]).args(["rustc", "--version"]);
    if !found.output().is_ok_and(|output| output.status.success()) {
        return None;
    }
    let cargo = [&rustup[..], &["cargo".into()]].concat();
    let arguments = ["build", "--message-format=json", "-p", package].map(OsStr::new);
    let target = target_dir().join("stackup-tests/nightly");
    let flags = [("RUSTFLAGS", "-Zrandomize-layout")];
    let built = run(&cargo, &arguments, &workspace(), &target, &flags);
    Some(find(&built, package).to_path_buf())
}

fn find<'a>(built: &'a Artifacts, name: &str) -> &'a Path {
    let name = name.replace('-', "_");
    built
        .get(&name)
        .unwrap_or_else(|| panic!("cargo built no `{name}`; is it in the list of plugins?"))
}

fn build<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Artifacts {
    let mut arguments: Vec<&OsStr> = arguments.into_iter().map(OsStr::new).collect();
    let mut own = vec![OsStr::new("--message-format=json")];
    // Benches measure what production serves.
    if !cfg!(debug_assertions) {
        own.push(OsStr::new("--release"));
    }
    // Arguments after `--` are rustc's.
    let end = arguments.iter().position(|argument| *argument == "--");
    let end = end.unwrap_or(arguments.len());
    arguments.splice(end..end, own);
    run(&cargo(), &arguments, &workspace(), &target_dir(), &[])
}

/// Runs cargo in `directory` and returns the libraries and programs that it built.
///
/// # Panics
///
/// If it fails.
pub(crate) fn run(
    cargo: &[OsString],
    arguments: &[&OsStr],
    directory: &Path,
    target: &Path,
    variables: &[(&str, &str)],
) -> Artifacts {
    let mut command = Command::new(&cargo[0]);
    command
        .args(&cargo[1..])
        .args(arguments)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", target)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    // Build scripts would take the variables of the test's own crate for a change.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    let output = command.output().expect("cargo can be run");
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let built = text.lines().map(serde_json::from_str::<Value>);
    let (libraries, programs): (Vec<_>, Vec<_>) = built
        .filter_map(|message| artifact(&message.ok()?))
        .partition(|(_, file)| file.extension().is_some());
    // A package may be both; its library is the plugin.
    programs.into_iter().chain(libraries).collect()
}

fn artifact(message: &Value) -> Option<(String, PathBuf)> {
    let target = message.get("target")?;
    let name = target["name"].as_str()?.replace('-', "_");
    if let Some(program) = message["executable"].as_str() {
        return Some((name, program.into()));
    }
    let kinds = target["kind"].as_array()?;
    let files = message["filenames"].as_array()?;
    let library = kinds.iter().any(|kind| kind == "cdylib");
    let file = files.first()?.as_str()?;
    library.then(|| (name, file.into()))
}

pub(crate) fn cargo() -> Vec<OsString> {
    vec![std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())]
}

/// The workspace's root.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The target directory that this test was built in.
///
/// # Panics
///
/// If cargo did not build this test.
pub fn target_dir() -> PathBuf {
    // TARGET/debug/deps/integration-0123
    let test = std::env::current_exe().expect("a running test has a file");
    test.ancestors()
        .nth(3)
        .expect("cargo builds tests in TARGET/PROFILE/deps")
        .to_path_buf()
}
