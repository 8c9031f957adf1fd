//! `stackup lock` and `--locked`: the host loads only libraries with the locked content.

use std::fs;
use std::process::Command;

use stackup::load::library::Fingerprint;
use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::{Host, Site, artifacts};

const MANIFEST: &str = "use = [\"stamp\"]\nrun = \"hello\"\n";

/// A command's stdout if it succeeds, or its stderr, without the site's path.
fn stackup(site: &Site, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(artifacts::stackup())
        .args(arguments)
        .current_dir(site.path())
        .env_remove("STACKUP_ENV")
        .env_remove("RUST_LOG")
        .output()
        .expect("stackup can be started");
    let site = site.path().canonicalize().expect("the site is there");
    let text = |bytes| {
        let text = String::from_utf8(bytes).expect("stackup speaks UTF-8");
        text.replace(&format!("{}/", site.display()), "")
    };
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stderr)),
    }
}

fn site() -> Site {
    Site::new(MANIFEST, &["hello", "stamp"])
}

fn other_hello() -> Vec<u8> {
    let hello = read(artifacts::plugin("hello"));
    patched(&hello, "Hello, World!", "Hello, Locks!")
}

fn sha256(plugin: &str) -> String {
    Fingerprint::of(&read(artifacts::plugin(plugin))).to_string()
}

#[tokio::test]
async fn replaced_library_is_refused_until_locked() {
    let site = site();
    stackup(&site, &["lock"]).unwrap();
    let first = read(&site.path().join("config.ru.lock"));
    let arguments = ["-p", "0", "-o", "127.0.0.1", "--locked"];
    let mut host = Host::launch(artifacts::stackup(), &site, &arguments);
    host.ready().await;
    assert_eq!(host.get("/").await.text(), "Hello, World!\n");

    site.library("hello", &other_hello());
    let refused = host.reload("refused").await;
    let error = refused.text("error");
    assert!(
        error.contains("libhello.so` is refused at trust"),
        "{error}"
    );
    assert!(error.contains("config.ru.toml:2:7"), "{error}");
    assert_eq!(host.get("/").await.text(), "Hello, World!\n");

    // Only the lock has changed: it is watched too.
    stackup(&site, &["lock"]).unwrap();
    host.reload("swapped").await;
    assert_eq!(host.get("/").await.text(), "Hello, Locks!\n");

    // Loaded libraries are no exception.
    site.file("config.ru.lock", first);
    let refused = host.reload("refused").await;
    let error = refused.text("error");
    assert!(
        error.contains("its content does not match the lock"),
        "{error}"
    );
    assert_eq!(host.get("/").await.text(), "Hello, Locks!\n");
}

#[test]
fn lock_is_per_plugin_even_for_shared_file() {
    let site = site();
    let library = "path = \"plugins/libhello.so\"";
    let run = format!("run = {{ plugin = \"hello\", {library} }}\n");
    site.manifest(&run);
    stackup(&site, &["lock"]).unwrap();
    let map = format!("[[map]]\npath = \"/a\"\nrun = {{ plugin = \"other\", {library} }}\n");
    site.manifest(&format!("{run}{map}"));
    let check = ["check", "-E", "production", "--locked"];
    let said = stackup(&site, &check).unwrap_err();
    assert!(said.contains("it is not in the lock"), "{said}");
    assert!(said.contains("config.ru.toml:4:18"), "{said}");
    assert_eq!(said.matches("refused").count(), 1, "{said}");
    stackup(&site, &["lock"]).unwrap();
    stackup(&site, &check).unwrap();
}

#[tokio::test]
async fn missing_lock_fails_start_and_lost_lock_keeps_generation() {
    let site = site();
    let arguments = ["-p", "0", "-o", "127.0.0.1", "--locked"];
    let mut host = Host::launch(artifacts::stackup(), &site, &arguments);
    assert!(!host.exited().await.success());
    let said = host.log().to_string();
    assert!(said.contains("config.ru.lock` does not exist"), "{said}");

    stackup(&site, &["lock"]).unwrap();
    let mut host = Host::launch(artifacts::stackup(), &site, &arguments);
    host.ready().await;
    fs::remove_file(site.path().join("config.ru.lock")).unwrap();
    let refused = host.reload("refused").await;
    let error = refused.text("error");
    assert!(error.contains("config.ru.lock` does not exist"), "{error}");
    assert_eq!(host.get("/").await.status(), 200);
}

#[test]
fn lock_is_deterministic_and_lists_each_library_once() {
    let site = site();
    site.manifest("use = [\"stamp\", \"stamp\"]\nrun = \"hello\"\n");
    assert_eq!(
        stackup(&site, &["lock"]).unwrap(),
        "config.ru.lock has 2 libraries\n"
    );
    let text = fs::read_to_string(site.path().join("config.ru.lock")).unwrap();
    let (hello, stamp) = (sha256("hello"), sha256("stamp"));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        text,
        format!(
            "# The libraries that `stackup --locked` may load, by their content. `stackup lock` \
             writes this file.\nversion = 1\n\n[[plugin]]\nname = \"hello\"\nversion = \
             \"{version}\"\nabi = \"{version}\"\nsha256 = \"{hello}\"\n\n[[plugin]]\nname = \
             \"stamp\"\nversion = \"{version}\"\nabi = \"{version}\"\nsha256 = \"{stamp}\"\n"
        )
    );
    site.manifest("run = \"hello\"\n[[use]]\nplugin = \"stamp\"\nonly = \"production\"\n");
    stackup(&site, &["lock"]).unwrap();
    assert_eq!(
        fs::read_to_string(site.path().join("config.ru.lock")).unwrap(),
        text
    );
}

#[test]
fn lock_belongs_to_one_environment_and_manifest() {
    let site = site();
    site.manifest("run = \"hello\"\n[[use]]\nplugin = \"stamp\"\nonly = \"production\"\n");
    site.file("site.toml", "run = \"hello\"\n");
    assert_eq!(
        stackup(&site, &["lock", "site.toml"]).unwrap(),
        "site.lock has 1 library\n"
    );
    stackup(
        &site,
        &["check", "-E", "production", "--locked", "site.toml"],
    )
    .unwrap();
    stackup(&site, &["lock"]).unwrap();
    let text = fs::read_to_string(site.path().join("config.ru.lock")).unwrap();
    assert!(text.contains("\"stamp\""), "{text}");
}

#[test]
fn unlocked_plugin_is_refused_by_every_command() {
    let site = site();
    site.manifest("run = \"hello\"\n");
    stackup(&site, &["lock"]).unwrap();
    site.manifest(MANIFEST);
    site.library("hello", &other_hello());
    let other = Fingerprint::of(&other_hello());
    let expected = format!(
        "error: `plugins/libstamp.so` is refused at trust: it is not in the lock; the file has \
         sha256 = \"{stamp}\"
 --> config.ru.toml:1:8
  |
1 | use = [\"stamp\"]
  |        ^^^^^^^
  |
  = help: if this file is meant, run `stackup lock`

error: `plugins/libhello.so` is refused at trust: its content does not match the lock: the lock says \
         sha256 = \"{hello}\", the file has \"{other}\"
 --> config.ru.toml:2:7
  |
2 | run = \"hello\"
  |       ^^^^^^^
  |
  = help: if this file is meant, run `stackup lock`
",
        stamp = sha256("stamp"),
        hello = sha256("hello"),
    );
    for command in ["check", "stack"] {
        let said = stackup(&site, &[command, "-E", "production", "--locked"]).unwrap_err();
        assert_eq!(said, expected, "{command}");
        stackup(&site, &[command, "-E", "production"]).unwrap();
    }
}

#[test]
fn malformed_lock_is_reported() {
    let site = site();
    let says = |environment: &str, expected: &str| {
        let said = stackup(&site, &["check", "-E", environment, "--locked"]).unwrap_err();
        assert_eq!(said, expected);
    };
    says(
        "production",
        "error: the lock `config.ru.lock` does not exist; to write it, run `stackup lock`\n",
    );
    // In development, cargo would build crates of the site; there are none.
    says(
        "staging",
        "error: the lock `config.ru.lock` does not exist; to write it, run `stackup lock -E staging`\n",
    );
    site.file(
        "config.ru.lock",
        "version = 1\n[[plugin]]\nnam = \"hello\"\n",
    );
    says(
        "production",
        "error: failed to parse the lock `config.ru.lock`: line 3: unknown field `nam`, expected one \
         of `name`, `version`, `abi`, `sha256`; to write it, run `stackup lock`\n",
    );
}
