use super::super::metadata::Package;
use super::*;

/// Two crates in a workspace, built.
fn workspace() -> WorkspaceBuild {
    let package = |name: &str| Package {
        name: name.to_owned(),
        folder: Path::new("/no/such/w").join(name),
        is_plugin: true,
        has_build_script: false,
        is_member: true,
        dependencies: Vec::new(),
    };
    let workspace = Workspace {
        root: "/no/such/w".into(),
        target: "/no/such/w/target".into(),
        packages: vec![package("a"), package("b")],
    };
    let crates = ["a", "b"].iter().zip(0..).map(|(name, package)| Crate {
        plugin: (*name).to_owned(),
        package,
    });
    let mut workspace = WorkspaceBuild::new(&workspace, &crates.collect::<Vec<_>>());
    workspace.accept(
        &[0, 1].into(),
        made(&["a", "b"], &["part"]),
        true,
        SystemTime::now(),
    );
    workspace
}

fn made(plugins: &[&str], parts: &[&str]) -> Output {
    let artifact = |name: &&str, is_plugin: bool| Artifact {
        package: (*name).to_owned(),
        files: vec![format!("/t/lib{name}.{}", if is_plugin { "so" } else { "rlib" }).into()],
        is_plugin,
    };
    let plugins = plugins.iter().map(|name| artifact(name, true));
    Output {
        artifacts: plugins
            .chain(parts.iter().map(|name| artifact(name, false)))
            .collect(),
        diagnostics: Vec::new(),
    }
}

fn warning(text: &str) -> Diagnostic {
    Diagnostic {
        is_error: false,
        unreadable: None,
        rendered: text.to_owned(),
    }
}

#[test]
fn a_save_makes_its_own_crate_stale_and_a_failure_lasts_until_the_next() {
    let mut workspace = workspace();
    assert!(workspace.stale.is_empty());
    workspace.mark_changed(Path::new("/no/such/w/b/src/lib.rs"));
    assert_eq!(workspace.stale, [1].into());
    workspace.failed = Some("no".to_owned());
    workspace.mark_changed(Path::new("/elsewhere"));
    assert!(workspace.failed().is_some());
    workspace.mark_changed(Path::new("/no/such/w/a/src/lib.rs"));
    assert!(workspace.failed().is_none());
    assert_eq!(workspace.stale, [0, 1].into());
}

#[test]
fn a_crate_that_is_not_wanted_is_not_built_until_it_is_again() {
    let wanted = |names: &[&str]| -> Requested {
        let names = names.iter().map(|name| (*name).to_owned());
        names.map(|name| (name, None)).collect()
    };
    let mut workspace = workspace();
    workspace.request(&wanted(&["a", "library"]));
    assert!(!workspace.has_work());
    assert_eq!(workspace.libraries().count(), 1);
    workspace.mark_changed(Path::new("/no/such/w/b/src/lib.rs"));
    assert!(!workspace.has_work());
    workspace.request(&wanted(&["a", "b"]));
    assert!(workspace.has_work() && workspace.stale == [1].into());
    workspace.failed = Some("no".to_owned());
    workspace.request(&wanted(&["a"]));
    assert!(workspace.failed().is_none() && !workspace.has_work());
}

#[test]
fn a_file_elsewhere_that_was_saved_before_it_was_watched_is_seen_once() {
    let dir = tempfile::tempdir().unwrap();
    let (old, young) = (dir.path().join("old"), dir.path().join("young"));
    fs::write(&old, "x").unwrap();
    let an_hour_ago = SystemTime::now() - std::time::Duration::from_secs(3600);
    let file = fs::File::options().write(true).open(&old).unwrap();
    file.set_modified(an_hour_ago).unwrap();
    let mut workspace = workspace();
    let began = SystemTime::now() - std::time::Duration::from_secs(1);
    fs::write(&young, "x").unwrap();
    let accept = |workspace: &mut WorkspaceBuild, began| {
        workspace.sources.inputs(0, vec![old.clone()]);
        workspace.sources.inputs(1, vec![young.clone()]);
        workspace.accept(&BTreeSet::new(), made(&[], &[]), false, began);
        workspace.check_external();
    };
    accept(&mut workspace, began);
    assert_eq!(
        workspace.stale,
        [1].into(),
        "it may have been read before it was written"
    );
    workspace.stale.clear();
    accept(
        &mut workspace,
        SystemTime::now() + std::time::Duration::from_secs(1),
    );
    assert!(workspace.stale.is_empty());
    fs::write(&old, "longer").unwrap();
    workspace.check_external();
    assert_eq!(workspace.stale, [0].into());
}

#[test]
fn what_cargo_writes_itself_touches_nothing() {
    let mut workspace = workspace();
    workspace.mark_changed(Path::new("/no/such/w/Cargo.lock"));
    workspace.mark_changed(Path::new("/t/liba.so"));
    assert!(workspace.stale.is_empty() && workspace.metadata_is_current());
    assert!(
        workspace.ignores(Path::new("/t/liba.so")) && !workspace.ignores(Path::new("/t/libc.so"))
    );
    assert!(!workspace.ignores(Path::new("/no/such/w/a/src/lib.rs")));
}

#[test]
fn a_crate_alone_must_be_made_of_the_parts_of_all() {
    let workspace = workspace();
    let parts = |parts: &[&str]| workspace.parts_of(&made(&["a"], parts));
    assert!(parts(&["part"]).is_subset(&workspace.parts));
    assert!(!parts(&["part", "part-with-a-feature"]).is_subset(&workspace.parts));
}

#[test]
fn a_warning_is_news_once_and_again_when_it_was_gone() {
    let mut workspace = workspace();
    workspace.remember(vec![warning("x"), warning("y")]);
    assert_eq!(workspace.take_warnings(), ["x", "y"]);
    workspace.remember(vec![warning("y"), warning("z")]);
    assert_eq!(workspace.take_warnings(), ["z"]);
    workspace.remember(vec![warning("x"), warning("y"), warning("z")]);
    assert_eq!(workspace.take_warnings(), ["x"]);
}
