//! Plugin packages in their own workspace, built as authors build them.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::artifacts::{cargo, run, target_dir, workspace};

/// A plugin package of one file.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// The edition that its Cargo.toml names.
    pub edition: &'static str,
    /// The key of the dependency on stackup-plugin.
    pub dependency: &'static str,
    /// The features of that dependency.
    pub features: &'static [&'static str],
    /// Its `src/lib.rs`.
    pub source: String,
}

impl Package {
    /// A package with this code, in an edition.
    pub fn new(name: impl Into<String>, edition: &'static str, source: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            edition,
            dependency: "stackup-plugin",
            features: &[],
            source: source.into(),
        }
    }

    fn manifest(&self) -> String {
        let Self {
            name,
            edition,
            dependency,
            features,
            ..
        } = self;
        let api = workspace().join("plugin-api");
        format!(
            "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = {edition:?}\n\n\
             [lib]\ncrate-type = [\"cdylib\"]\n\n\
             [dependencies]\n\
             {dependency} = {{ package = \"stackup-plugin\", path = {api:?}, features = {features:?} }}\n"
        )
    }
}

/// Shared by all such workspaces, which have the same dependencies.
fn target() -> PathBuf {
    target_dir().join("stackup-tests/packages")
}

/// Writes a workspace of these packages. No other one has this `name`.
fn lay_out(name: &str, packages: &[Package]) -> PathBuf {
    let root = target_dir().join("stackup-tests").join(name);
    let members: Vec<&str> = packages.iter().map(|package| &*package.name).collect();
    write(
        &root.join("Cargo.toml"),
        &format!(
            "[workspace]\nresolver = \"3\"\nmembers = {members:?}\n\n[profile.dev]\ndebug = false\n"
        ),
    );
    if !root.join("Cargo.lock").exists() {
        let lock = fs::read_to_string(workspace().join("Cargo.lock")).expect("a lock file");
        write(&root.join("Cargo.lock"), &lock);
    }
    for package in packages {
        let folder = root.join(&package.name);
        write(&folder.join("Cargo.toml"), &package.manifest());
        write(&folder.join("src/lib.rs"), &package.source);
    }
    root
}

/// Builds these packages and returns their libraries, by target name.
///
/// # Panics
///
/// If one does not build.
pub fn build(name: &str, packages: &[Package]) -> HashMap<String, PathBuf> {
    let root = lay_out(name, packages);
    let arguments = ["build", "--offline", "--message-format=json"].map(OsStr::new);
    run(&cargo(), &arguments, &root, &target(), &[])
}

/// Builds these packages and returns what rustc reports for each, by target name.
///
/// # Panics
///
/// If cargo does not run.
pub fn diagnostics(name: &str, packages: &[Package]) -> HashMap<String, String> {
    let root = lay_out(name, packages);
    let output = Command::new(&cargo()[0])
        .args([
            "build",
            "--offline",
            "--keep-going",
            "--message-format=json",
        ])
        .current_dir(&root)
        .env("CARGO_TARGET_DIR", target())
        .stdin(Stdio::null())
        .output()
        .expect("cargo can be run");
    let mut texts: HashMap<String, String> = HashMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).expect("cargo writes JSON");
        if let Some(text) = message["message"]["rendered"].as_str() {
            let target = message["target"]["name"].as_str().unwrap_or_default();
            texts
                .entry(target.replace('-', "_"))
                .or_default()
                .push_str(text);
        }
    }
    texts
}

/// Writes a file if its text is new: cargo compares times of last change.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return;
    }
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).expect("the target directory can be written");
    fs::write(path, text).expect("the target directory can be written");
}
