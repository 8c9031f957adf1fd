use super::super::metadata::Package;
use super::*;

/// Two crates in a workspace, built.
fn job() -> Job {
    let package = |name: &str| Package {
        name: name.to_owned(),
        folder: Path::new("/no/such/w").join(name),
        is_plugin: true,
        is_scripted: false,
        is_member: true,
        needs: Vec::new(),
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
    let mut job = Job::new(&workspace, &crates.collect::<Vec<_>>());
    job.accept(
        &[0, 1].into(),
        made(&["a", "b"], &["part"]),
        true,
        SystemTime::now(),
    );
    job
}

fn made(plugins: &[&str], parts: &[&str]) -> Made {
    let artifact = |name: &&str, is_plugin: bool| Artifact {
        package: (*name).to_owned(),
        files: vec![format!("/t/lib{name}.{}", if is_plugin { "so" } else { "rlib" }).into()],
        is_plugin,
    };
    let plugins = plugins.iter().map(|name| artifact(name, true));
    Made {
        artifacts: plugins
            .chain(parts.iter().map(|name| artifact(name, false)))
            .collect(),
        words: Vec::new(),
    }
}

fn warning(text: &str) -> Word {
    Word {
        is_error: false,
        unread: None,
        rendered: text.to_owned(),
    }
}

#[test]
fn a_save_makes_its_own_crate_stale_and_a_failure_lasts_until_the_next() {
    let mut job = job();
    assert!(job.stale.is_empty());
    job.touch(Path::new("/no/such/w/b/src/lib.rs"));
    assert_eq!(job.stale, [1].into());
    job.failed = Some("no".to_owned());
    job.touch(Path::new("/elsewhere"));
    assert!(job.failed().is_some());
    job.touch(Path::new("/no/such/w/a/src/lib.rs"));
    assert!(job.failed().is_none());
    assert_eq!(job.stale, [0, 1].into());
}

#[test]
fn a_crate_that_is_not_wanted_is_not_built_until_it_is_again() {
    let wanted = |names: &[&str]| -> Wanted {
        let names = names.iter().map(|name| (*name).to_owned());
        names.map(|name| (name, None)).collect()
    };
    let mut job = job();
    job.want(&wanted(&["a", "library"]));
    assert!(!job.has_work());
    assert_eq!(job.libraries().count(), 1);
    job.touch(Path::new("/no/such/w/b/src/lib.rs"));
    assert!(!job.has_work());
    job.want(&wanted(&["a", "b"]));
    assert!(job.has_work() && job.stale == [1].into());
    job.failed = Some("no".to_owned());
    job.want(&wanted(&["a"]));
    assert!(job.failed().is_none() && !job.has_work());
}

#[test]
fn a_file_elsewhere_that_was_saved_before_it_was_watched_is_seen_once() {
    let dir = tempfile::tempdir().unwrap();
    let (old, young) = (dir.path().join("old"), dir.path().join("young"));
    fs::write(&old, "x").unwrap();
    let an_hour_ago = SystemTime::now() - std::time::Duration::from_secs(3600);
    let file = fs::File::options().write(true).open(&old).unwrap();
    file.set_modified(an_hour_ago).unwrap();
    let mut job = job();
    let began = SystemTime::now() - std::time::Duration::from_secs(1);
    fs::write(&young, "x").unwrap();
    let accept = |job: &mut Job, began| {
        job.sources.built_of(0, vec![old.clone()]);
        job.sources.built_of(1, vec![young.clone()]);
        job.accept(&BTreeSet::new(), made(&[], &[]), false, began);
        job.look_far();
    };
    accept(&mut job, began);
    assert_eq!(
        job.stale,
        [1].into(),
        "it may have been read before it was written"
    );
    job.stale.clear();
    accept(
        &mut job,
        SystemTime::now() + std::time::Duration::from_secs(1),
    );
    assert!(job.stale.is_empty());
    fs::write(&old, "longer").unwrap();
    job.look_far();
    assert_eq!(job.stale, [0].into());
}

#[test]
fn what_cargo_writes_itself_touches_nothing() {
    let mut job = job();
    job.touch(Path::new("/no/such/w/Cargo.lock"));
    job.touch(Path::new("/t/liba.so"));
    assert!(job.stale.is_empty() && job.is_as_read());
    assert!(job.ignores(Path::new("/t/liba.so")) && !job.ignores(Path::new("/t/libc.so")));
    assert!(!job.ignores(Path::new("/no/such/w/a/src/lib.rs")));
}

#[test]
fn a_crate_alone_must_be_made_of_the_parts_of_all() {
    let job = job();
    let parts = |parts: &[&str]| job.parts_of(&made(&["a"], parts));
    assert!(parts(&["part"]).is_subset(&job.parts));
    assert!(!parts(&["part", "part-with-a-feature"]).is_subset(&job.parts));
}

#[test]
fn a_warning_is_news_once_and_again_when_it_was_gone() {
    let mut job = job();
    job.remember(vec![warning("x"), warning("y")]);
    assert_eq!(job.take_warnings(), ["x", "y"]);
    job.remember(vec![warning("y"), warning("z")]);
    assert_eq!(job.take_warnings(), ["z"]);
    job.remember(vec![warning("x"), warning("y"), warning("z")]);
    assert_eq!(job.take_warnings(), ["x"]);
}
