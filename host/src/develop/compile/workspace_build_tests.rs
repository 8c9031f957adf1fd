use super::super::metadata::Package;
use super::*;

/// Two crates in a workspace, built.
struct Bench {
    root: PathBuf,
    build: WorkspaceBuild,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let package = |name: &str| Package {
            id: format!("path+file:///w/{name}#0.1.0"),
            name: name.to_owned(),
            folder: root.join(name),
            library: Some(name.to_owned()),
            has_build_script: false,
            is_member: true,
            dependencies: Vec::new(),
        };
        let workspace = Workspace {
            root: root.clone(),
            target: root.join("target"),
            packages: vec![package("a"), package("b")],
            ..Workspace::default()
        };
        let crates = ["a", "b"].iter().zip(0..).map(|(name, package)| Crate {
            plugin: PluginRef::named(name),
            package,
        });
        let crates: Vec<_> = crates.collect();
        let mut bench = Self {
            build: WorkspaceBuild::new(&workspace, &crates, &root, &Profile::dev()),
            root,
            _dir: dir,
        };
        for name in ["a", "b"] {
            bench.save(&format!("{name}/src/lib.rs"), "");
            bench.save(&format!("target/{name}.so"), "");
        }
        let output = bench.output(&["a", "b"], &[]);
        bench.build.accept(output, SystemTime::now());
        bench
    }

    fn save(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn mark_changed(&mut self, name: &str) {
        let path = self.root.join(name);
        self.build.mark_changed(&path);
    }

    fn output(&self, plugins: &[&str], warnings: &[&str]) -> BuildOutput {
        let id = |name: &str| format!("path+file:///w/{name}#0.1.0");
        let library = |name: &str| self.root.join(format!("target/{name}.so"));
        let artifact = |name: &&str| Artifact {
            package: id(name),
            files: vec![library(name)],
            is_plugin: true,
            fresh: false,
            features: BTreeSet::new(),
        };
        let warning = |text: &&str| Diagnostic {
            rendered: (*text).to_owned(),
            ..Diagnostic::default()
        };
        let libraries = plugins.iter().map(|name| (id(name), library(name)));
        BuildOutput {
            artifacts: plugins.iter().map(artifact).collect(),
            libraries: libraries.collect(),
            diagnostics: warnings.iter().map(warning).collect(),
            failure: None,
        }
    }
}

#[test]
fn save_makes_its_crate_stale_and_a_failure_lasts_until_the_next() {
    let mut bench = Bench::new();
    assert!(bench.build.stale.is_empty());
    bench.mark_changed("b/src/lib.rs");
    assert_eq!(bench.build.stale, [1].into());
    bench.build.failure = Some("no".to_owned());
    bench.mark_changed("elsewhere");
    assert!(bench.build.failure().is_some());
    bench.save("a/src/lib.rs", "more");
    bench.mark_changed("a/src/lib.rs");
    assert!(bench.build.failure().is_none());
    assert_eq!(bench.build.stale, [0, 1].into());
}

#[test]
fn same_content_is_no_change_unless_the_build_failed() {
    let mut bench = Bench::new();
    bench.mark_changed("a/src/lib.rs");
    bench.build.stale.clear();
    bench.mark_changed("a/src/lib.rs");
    assert!(bench.build.stale.is_empty());
    bench.build.failure = Some("no".to_owned());
    bench.mark_changed("a/src/lib.rs");
    assert!(bench.build.failure().is_none());
    assert_eq!(bench.build.stale, [0].into());
}

#[test]
fn unwanted_crate_is_built_when_it_is_wanted_again() {
    let wanted =
        |names: &[&str]| -> Requested { names.iter().map(|name| PluginRef::named(name)).collect() };
    let mut bench = Bench::new();
    bench.build.request(&wanted(&["a", "library"]));
    assert!(!bench.build.has_work());
    assert_eq!(bench.build.libraries().count(), 1);
    bench.mark_changed("b/src/lib.rs");
    assert!(!bench.build.has_work());
    bench.build.request(&wanted(&["a", "b"]));
    assert!(bench.build.has_work() && bench.build.stale == [1].into());
    bench.build.failure = Some("no".to_owned());
    bench.build.request(&wanted(&["a"]));
    assert!(bench.build.failure().is_none() && !bench.build.has_work());
}

#[test]
fn input_saved_before_it_was_watched_is_noticed_once() {
    let mut bench = Bench::new();
    let (old, young) = (bench.save("old", "x"), bench.save("young", "x"));
    let an_hour_ago = SystemTime::now() - std::time::Duration::from_secs(3600);
    let file = fs::File::options().write(true).open(&old).unwrap();
    file.set_modified(an_hour_ago).unwrap();
    bench.build.sources.record(0, [old.clone()].into());
    bench.build.sources.record(1, [young.clone()].into());
    let began = SystemTime::now() - std::time::Duration::from_secs(60);
    for path in [&old, &young] {
        let stamp = stamp_as_read(path, began);
        bench.build.unwatched.insert(path.clone(), stamp);
    }
    bench.build.check_unwatched();
    assert_eq!(
        bench.build.stale,
        [1].into(),
        "it may be newer than the build"
    );
    bench.build.stale.clear();
    bench.build.check_unwatched();
    assert!(bench.build.stale.is_empty());
}

#[test]
fn change_with_an_older_time_is_built_all_the_same() {
    let mut bench = Bench::new();
    let began = SystemTime::now() + std::time::Duration::from_secs(60);
    bench.build.last_run = Some(Run {
        began,
        ended: began,
        finished: true,
    });
    bench.save("a/src/lib.rs", "from a backup");
    bench.mark_changed("a/src/lib.rs");
    assert_eq!(bench.build.unnoticed, [0].into());
    bench.build.invalidate_unnoticed();
    assert!(!bench.root.join("target/a.so").exists() && bench.root.join("target/b.so").exists());
}

#[test]
fn removed_library_is_built_again() {
    let mut bench = Bench::new();
    fs::remove_file(bench.root.join("target/b.so")).unwrap();
    bench.build.check_unwatched();
    assert_eq!(bench.build.stale, [1].into());
}

#[test]
fn cargos_own_files_are_no_change() {
    let mut bench = Bench::new();
    bench.mark_changed("Cargo.lock");
    bench.mark_changed("target/a.so");
    assert!(bench.build.stale.is_empty() && bench.build.metadata_is_current());
    let ignores = |name: &str| bench.build.ignores(&bench.root.join(name));
    assert!(ignores("target/a.so") && !ignores("target/c.so") && !ignores("a/src/lib.rs"));
}

#[test]
fn warning_is_reported_once_and_again_after_it_was_gone() {
    let mut bench = Bench::new();
    let mut warnings = |texts: &[&str]| {
        let output = bench.output(&[], texts);
        bench.build.warnings.compiled(output.diagnostics);
        bench.build.take_warnings()
    };
    assert_eq!(warnings(&["x", "y"]), ["x", "y"]);
    assert_eq!(warnings(&["y", "z"]), ["z"]);
    assert_eq!(warnings(&["x", "y", "z"]), ["x"]);
}
