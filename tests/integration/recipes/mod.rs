mod page;
mod reloads;
mod site;

use std::fs;
use std::path::PathBuf;

use stackup_tests::site::read;
use stackup_tests::{Site, artifacts};

fn folder() -> PathBuf {
    artifacts::workspace().join("examples/recipes")
}

/// The names of the recipes' crates, sorted.
fn recipes() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the recipes");
    let folders = entries.map(|entry| entry.expect("an entry").path());
    let crates = folders.filter(|folder| folder.join("Cargo.toml").is_file());
    let mut names: Vec<String> = crates
        .filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// The site of all recipes, with these changes of its manifest. `None` if they are not to be built.
fn site(changes: &[(&str, &str)]) -> Option<Site> {
    let mut manifest = fs::read_to_string(folder().join("config.ru.toml")).expect("a manifest");
    for (from, to) in changes {
        assert_eq!(manifest.matches(from).count(), 1, "`{from}` in {manifest}");
        manifest = manifest.replace(from, to);
    }
    let site = Site::new(&manifest, &[]);
    for name in recipes() {
        site.library(&name, &library(&name)?);
    }
    Some(site)
}

fn library(name: &str) -> Option<Vec<u8>> {
    artifacts::recipe(name).map(read)
}

#[test]
fn unit_tests_of_the_recipes_pass() {
    let Some(output) = artifacts::recipes_tests() else {
        return;
    };
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}
