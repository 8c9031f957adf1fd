//! What ARCHITECTURE.md promises about the source tree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of `host/src`: each may use the rooms after it, and none before it.
const ROOMS: [&str; 8] = [
    "cli", "process", "develop", "embed", "serve", "load", "services", "policy",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
    found
}

/// The rooms that a source file names: `crate::ROOM` and `crate::{ROOM, …}`.
fn rooms_in(text: &str) -> BTreeSet<&'static str> {
    let uses = text.split("crate::").skip(1).flat_map(|rest| {
        let list = rest
            .strip_prefix('{')
            .map_or(rest, |list| list.split('}').next().unwrap_or(list));
        let is_list = rest.starts_with('{');
        let names = list.split(',').take(if is_list { usize::MAX } else { 1 });
        names.filter_map(|name| {
            let end = name.trim_start();
            let end = end.split(|char: char| !char.is_alphanumeric() && char != '_');
            let name = end.into_iter().next()?;
            ROOMS.into_iter().find(|room| *room == name)
        })
    });
    uses.collect()
}

#[test]
fn rooms_use_only_rooms_after_them() {
    let host = root().join("host/src");
    let mut wrong = Vec::new();
    for (position, room) in ROOMS.into_iter().enumerate() {
        for file in sources(&host.join(room)) {
            let text = fs::read_to_string(&file).expect("a source file");
            let before = ROOMS.into_iter().take(position);
            let used = rooms_in(&text);
            let file = file.strip_prefix(&host).expect("below host/src").display();
            wrong.extend(
                before
                    .filter(|before| used.contains(before))
                    .map(|before| format!("{file} uses `{before}`")),
            );
        }
    }
    assert!(
        wrong.is_empty(),
        "a room may use only the rooms after it ({}):\n{}",
        ROOMS.join(" → "),
        wrong.join("\n")
    );
}

#[test]
fn every_folder_of_the_host_is_a_room() {
    let entries = fs::read_dir(root().join("host/src")).expect("host/src");
    let folders = entries
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir());
    let folders: BTreeSet<_> = folders
        .map(|entry| entry.file_name().into_string().expect("a name"))
        .collect();
    assert_eq!(folders, ROOMS.into_iter().map(str::to_owned).collect());
}

#[test]
fn paths_in_the_guides_exist() {
    let root = root();
    let folders = ["host/src", "plugin-api/src", "plugins"];
    let files: Vec<_> = folders
        .iter()
        .flat_map(|folder| sources(&root.join(folder)))
        .collect();
    let mut missing = Vec::new();
    for guide in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root.join(guide)).expect("a guide");
        // Text in backquotes that begins with a top-level folder is a path.
        let quoted = text.split('`').skip(1).step_by(2);
        let tops = [
            "host/",
            "plugin-api/",
            "plugin-parts/",
            "plugins/",
            "tests/",
            "docs/",
        ];
        for path in quoted.filter(|quoted| tops.iter().any(|top| quoted.starts_with(top))) {
            let plain = path.split(['*', '<', ' ', ':', '…']).next().unwrap_or(path);
            let folder = plain.rfind('/').map_or(plain, |end| &plain[..end]);
            let exists = match plain == path {
                true => root.join(path).exists(),
                false => root.join(folder).exists(),
            };
            if !exists {
                missing.push(format!("{guide}: {path}"));
            }
        }
        // A file name alone is that of some source file.
        let quoted = text.split('`').skip(1).step_by(2);
        let is_file = |name: &&str| name.ends_with(".rs") && !name.contains(['/', '*', ' ']);
        for name in quoted.filter(is_file) {
            if !files.iter().any(|file| file.ends_with(name)) {
                missing.push(format!("{guide}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "no such file:\n{}", missing.join("\n"));
}

#[test]
fn rooms_are_found_in_all_forms_of_use() {
    let found = |text| rooms_in(text).into_iter().collect::<Vec<_>>();
    assert_eq!(found("use crate::serve::stack;"), ["serve"]);
    assert_eq!(found("use crate::{load, policy::How};"), ["load", "policy"]);
    assert_eq!(found("crate::develop::lint::Told::new()"), ["develop"]);
    assert_eq!(found("use crate::{\n    process,\n};"), ["process"]);
    assert_eq!(found("use super::cli;"), [""; 0]);
}

/// The names of tests in a page: code spans that end in a name with two underscores or more.
fn tests_named_in(text: &str) -> BTreeSet<&str> {
    let spans = text.split('`').skip(1).step_by(2);
    let names = spans.filter_map(|span| span.split([' ', ':']).next_back());
    names
        .filter(|name| name.matches('_').count() > 1)
        .filter(|name| {
            name.chars()
                .all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
        })
        .collect()
}

#[test]
fn tests_named_in_security_md_exist() {
    let page = fs::read_to_string(root().join("docs/security.md")).expect("the page");
    let mut missing = tests_named_in(&page);
    assert!(missing.len() > 50, "{missing:?}");
    for folder in ["host/src", "plugin-api", "plugin-parts", "plugins", "tests"] {
        for file in sources(&root().join(folder)) {
            let text = fs::read_to_string(&file).expect("a source file");
            missing.retain(|name| !text.contains(&format!("fn {name}(")));
        }
    }
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}
