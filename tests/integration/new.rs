//! The output of `stackup new` builds, passes its tests, and serves.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use stackup_tests::{Host, artifacts};

#[tokio::test]
async fn new_site_passes_checks_and_serves() {
    // Always the same path, to reuse earlier builds.
    let place = artifacts::target_dir().join("stackup-tests/new");
    let (site, target) = (place.join("demo"), place.join("target"));
    fs::create_dir_all(&place).expect("a folder");
    let _ = fs::remove_dir_all(&site);
    stackup(&place, &["new", "site", "demo"]);
    stackup(&site, &["new", "plugin", "shop", "--app"]);
    stackup(&site, &["new", "plugin", "stamp", "--middleware"]);
    // The longest name: the code must be formatted all the same.
    let long = "a2345678901234567890123456789012345-word";
    for kind in ["--app", "--middleware"] {
        let name = format!("{}{}", &long[..38], &kind[2..4]);
        stackup(&site, &["new", "plugin", &name, kind]);
    }
    // The versions of this workspace: a test downloads nothing.
    fs::copy(
        artifacts::workspace().join("Cargo.lock"),
        site.join("Cargo.lock"),
    )
    .expect("a lock");

    let cargo = |arguments: &[&str]| {
        let mut cargo = command(std::env::var("CARGO").unwrap_or("cargo".into()), &site);
        run(cargo.env("CARGO_TARGET_DIR", &target).args(arguments));
    };
    cargo(&["fmt", "--check"]);
    let clippy = [
        "clippy",
        "--offline",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    cargo(&clippy);
    cargo(&["test", "--offline"]);
    cargo(&["build", "--offline"]);

    let manifest = "use = [\"logger\", \"stamp\"]\nrun = \"hello\"\nmap = [{ path = \"/shop\", run = \"shop\" }]\n";
    fs::write(site.join("config.ru.toml"), manifest).expect("a manifest");
    let mut dev = command(artifacts::stackup(), &site);
    dev.args(["dev", "-p", "0", "-v", "--log-format", "json"])
        .env("CARGO_TARGET_DIR", &target)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut host = Host::spawn(&mut dev);
    host.ready().await;
    let page = host.get("/").await;
    assert_eq!(page.status(), 200, "{page}");
    assert_eq!(page.header("x-stamp"), Some("yes"));
    assert!(page.text().contains("<h1>Hello, World!</h1>"), "{page}");
    host.message("GET / 200").await;
    assert!(host.get("/shop").await.text().contains("Hello, World!"));
    assert_eq!(host.get("/other").await.status(), 404);
    host.event("schema").await;
    let schema = fs::read_to_string(site.join(".stackup/schema.json")).expect("a schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let known = &schema["$defs"]["stamp.stamp"]["properties"];
    assert!(known["value"].is_object(), "{schema:#}");
    assert_eq!(
        fs::read_to_string(site.join(".stackup/.gitignore")).expect("a file"),
        "*\n"
    );
    host.signal(rustix::process::Signal::TERM);
    assert!(host.exited().await.success());
}

fn stackup(directory: &Path, arguments: &[&str]) {
    run(command(artifacts::stackup(), directory).args(arguments));
}

fn command(program: impl AsRef<std::ffi::OsStr>, directory: &Path) -> Command {
    use std::os::unix::process::CommandExt as _;

    let mut command = Command::new(program);
    command
        .current_dir(directory)
        .env_remove("STACKUP_CONTROL")
        .env_remove("STACKUP_ENV")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .process_group(0);
    // Build scripts would take the variables of the test's own crate for a change.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    command
}

fn run(command: &mut Command) {
    let output = command.output().expect("a program");
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
