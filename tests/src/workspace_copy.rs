//! Plugins and hosts built from a copy of this workspace with edits.
//!
//! A copy is below the target directory and shares its builds, so cargo only builds what differs.
//! Cargo identifies packages by their paths from the workspace's root. Each copy has a folder of its own name there;
//! otherwise it would replace the original.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::artifacts::{cargo, run, target_dir, workspace};

/// What every copy has.
const SHARED: [&str; 2] = ["plugin-api", "plugin-parts"];

/// An edit of a file in a copy.
#[derive(Debug, Clone, Copy)]
pub struct Edit {
    /// The file, from the workspace's root.
    pub file: &'static str,
    /// The text to replace. It must occur exactly once.
    pub from: &'static str,
    /// The replacement.
    pub to: &'static str,
}

impl Edit {
    fn apply(&self, name: &str, files: &mut HashMap<PathBuf, String>) {
        let text = files.get_mut(Path::new(self.file));
        let text = text.unwrap_or_else(|| panic!("{name}: no file {}", self.file));
        let count = text.matches(self.from).count();
        assert_eq!(
            count, 1,
            "{name}: {} must contain this exactly once, fix the test: {:?}",
            self.file, self.from
        );
        *text = text.replace(self.from, self.to);
    }
}

/// Renames the package of `member` to the copy's name: cargo names library files after packages.
fn rename(name: &str, member: &str, files: &mut HashMap<PathBuf, String>) {
    let text = files.get_mut(&Path::new(member).join("Cargo.toml"));
    let text = text.expect("a member has a manifest");
    let line = text.lines().find(|line| line.starts_with("name = "));
    let line = line.expect("a package has a name").to_owned();
    *text = text.replacen(&line, &format!("name = {name:?}"), 1);
}

/// A copy of `plugin-api`, `plugin-parts` and `members`, with edits.
#[derive(Debug)]
pub struct WorkspaceCopy {
    root: PathBuf,
}

impl WorkspaceCopy {
    /// Writes a copy under `name`, which must be unique.
    ///
    /// # Panics
    ///
    /// If an edit no longer matches the sources.
    pub fn new(name: &str, members: &[&str], edits: &[Edit]) -> Self {
        Self::of(&workspace(), name, members, edits)
    }

    /// As [`new`](Self::new), of the workspace as it was at `commit`. `None` if git does not know that.
    ///
    /// # Panics
    ///
    /// If the sources can't be written.
    pub fn of_commit(commit: &str, name: &str, members: &[&str]) -> Option<Self> {
        let sources = target_dir()
            .join("stackup-tests")
            .join(format!("{name}-sources"));
        fs::create_dir_all(&sources).expect("the target directory can be written");
        let archive = sources.join("sources.tar");
        let packed = Command::new("git")
            .args(["archive", "--format=tar", "-o"])
            .arg(&archive)
            .args([commit, "Cargo.toml", "Cargo.lock"])
            .args(SHARED.iter().chain(members))
            .current_dir(workspace())
            .stderr(Stdio::null())
            .status();
        if !packed.is_ok_and(|status| status.success()) {
            return None;
        }
        let unpacked = Command::new("tar")
            .arg("-xf")
            .arg(&archive)
            .current_dir(&sources)
            .status();
        assert!(
            unpacked.is_ok_and(|status| status.success()),
            "tar can't unpack {}",
            archive.display()
        );
        Some(Self::of(&sources, name, members, &[]))
    }

    fn of(workspace: &Path, name: &str, members: &[&str], edits: &[Edit]) -> Self {
        let root = target_dir().join("stackup-tests").join(name);
        let mut files = HashMap::new();
        for folder in SHARED.iter().chain(members) {
            collect(workspace, Path::new(folder), &mut files);
        }
        let lock = read(&workspace.join("Cargo.lock"));
        files.insert("Cargo.lock".into(), lock);
        let manifest_text = read(&workspace.join("Cargo.toml"));
        files.insert("Cargo.toml".into(), manifest_text);
        for edit in edits {
            edit.apply(name, &mut files);
        }
        for member in members {
            rename(name, member, &mut files);
        }
        prune(&root.join(name), &files);
        for (file, text) in &files {
            match file.to_str() {
                Some("Cargo.toml") => write(&root.join(file), &manifest(name, members, text)),
                // Keep cargo's own changes of the lock file.
                Some("Cargo.lock") if root.join(file).exists() => {}
                Some("Cargo.lock") => write(&root.join(file), text),
                _ => write(&root.join(name).join(file), text),
            }
        }
        Self { root }
    }

    /// The library of a copy of the plugin at `source`, renamed to `name`.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new), and if it does not build.
    pub fn plugin(name: &str, source: &str, edits: &[Edit]) -> Vec<u8> {
        let file = Self::new(name, &[source], edits).build(name);
        fs::read(file).expect("cargo built it")
    }

    /// Builds a package of the copy and returns its library or program.
    ///
    /// # Panics
    ///
    /// If it does not build.
    pub fn build(&self, package: &str) -> PathBuf {
        let arguments = ["build", "--message-format=json", "-p", package].map(OsStr::new);
        let mut built = run(&cargo(), &arguments, &self.root, &target_dir(), &[]);
        let found = built.remove(&package.replace('-', "_"));
        found.unwrap_or_else(|| panic!("cargo built no `{package}`"))
    }
}

/// Removes files that the workspace no longer has.
fn prune(root: &Path, files: &HashMap<PathBuf, String>) {
    let mut old = HashMap::new();
    if root.is_dir() {
        collect(root, Path::new(""), &mut old);
    }
    for file in old.keys().filter(|file| !files.contains_key(*file)) {
        fs::remove_file(root.join(file)).expect("the copy can be written");
    }
}

/// The workspace's manifest with other members, all of them in the folder `name`.
fn manifest(name: &str, members: &[&str], text: &str) -> String {
    let (before, rest) = text
        .split_once("members = [")
        .expect("the workspace has members");
    let (_, after) = rest.split_once(']').expect("the list ends");
    let members = ["plugin-api", "plugin-api/macros"].iter().chain(members);
    let members: Vec<String> = members
        .map(|member| format!("\"{name}/{member}\""))
        .collect();
    let after = after.replace("{ path = \"", &format!("{{ path = \"{name}/"));
    format!("{before}members = [{}]{after}", members.join(", "))
}

fn collect(root: &Path, folder: &Path, files: &mut HashMap<PathBuf, String>) {
    for entry in fs::read_dir(root.join(folder)).expect("a folder of the workspace") {
        let path = folder.join(entry.expect("a folder of the workspace").file_name());
        if root.join(&path).is_dir() {
            collect(root, &path, files);
        } else {
            let text = read(&root.join(&path));
            files.insert(path, text);
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
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
