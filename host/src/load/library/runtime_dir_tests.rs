use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

fn at(path: &Path) -> Vec<BaseDir> {
    vec![BaseDir {
        path: path.to_path_buf(),
        variable: "TMPDIR",
    }]
}

fn count(base: &Path) -> usize {
    fs::read_dir(base).unwrap().count()
}

#[test]
fn directory_is_private_and_removed_on_drop() {
    let base = tempfile::tempdir().unwrap();
    let dir = RuntimeDir::create(&at(base.path())).unwrap();
    assert_eq!(fs::metadata(dir.path()).unwrap().mode() & 0o7777, 0o700);
    fs::write(dir.path().join("file"), "x").unwrap();
    drop(dir);
    assert_eq!(count(base.path()), 0);
}

#[test]
fn only_dead_processes_directories_are_removed() {
    let base = tempfile::tempdir().unwrap();
    let living = RuntimeDir::create(&at(base.path())).unwrap();
    let dead = base.path().join(format!("{PREFIX}dead"));
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("logger-abc.so"), "x").unwrap();
    // As a supervisor leaves it, with the libraries of generation 3.
    fs::create_dir(dead.join("3")).unwrap();
    fs::write(dead.join("3/logger-abc.so"), "x").unwrap();
    let _other = RuntimeDir::create(&at(base.path())).unwrap();
    assert!(!dead.exists() && living.path().exists());
}

#[test]
fn sweep_waits_for_a_dying_process() {
    let base = tempfile::tempdir().unwrap();
    let dying = base.path().join(format!("{PREFIX}dying"));
    fs::create_dir(&dying).unwrap();
    let held = lock(&dying).unwrap();
    sweep_after_holder(&dying, Duration::ZERO);
    assert!(dying.exists(), "its process may live on");
    let death = thread::spawn(move || drop(held));
    sweep_after_holder(&dying, Duration::from_secs(60));
    assert!(!dying.exists());
    death.join().unwrap();
}

#[test]
fn similar_names_are_left_alone() {
    let base = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("precious"), "x").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), base.path().join(format!("{PREFIX}link")))
        .unwrap();
    fs::create_dir(base.path().join("stackup-notes")).unwrap();
    fs::create_dir_all(base.path().join(format!("{PREFIX}tree/inner"))).unwrap();
    fs::write(
        base.path().join(format!("{PREFIX}tree/inner/precious")),
        "x",
    )
    .unwrap();
    let _dir = RuntimeDir::create(&at(base.path())).unwrap();
    assert!(elsewhere.path().join("precious").exists());
    assert!(base.path().join("stackup-notes").exists());
    assert!(
        base.path()
            .join(format!("{PREFIX}tree/inner/precious"))
            .exists()
    );
}

#[test]
fn concurrent_creations_each_keep_their_directory() {
    let base = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..40 {
                    let dir = RuntimeDir::create(&at(base.path())).unwrap();
                    fs::write(dir.path().join("file"), "x").unwrap();
                    thread::yield_now();
                    assert!(dir.path().join("file").exists());
                }
            });
        }
    });
    assert_eq!(count(base.path()), 0);
}

/// Run by the next test in a child process, which it kills.
#[test]
#[ignore = "waits to be killed"]
fn lives_until_killed() {
    let base = std::env::var_os("STACKUP_TEST_BASE").unwrap();
    let _dir = RuntimeDir::create(&at(Path::new(&base))).unwrap();
    // Not by `println`, which the test's harness captures.
    io::stdout().write_all(b"ready\n").unwrap();
    // The end of its input: the other test has killed this process, or ended itself.
    io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn killed_processes_directory_is_removed_by_the_next() {
    let base = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "load::library::runtime_dir::tests::lives_until_killed",
        ])
        .env("STACKUP_TEST_BASE", base.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let ready = output.lines().any(|line| line.unwrap().contains("ready"));
    assert!(ready, "the child ended before it had a directory");
    let ours = RuntimeDir::create(&at(base.path())).unwrap();
    assert_eq!(count(base.path()), 2, "the child lives");
    child.kill().unwrap();
    child.wait().unwrap();
    drop(ours);
    let _next = RuntimeDir::create(&at(base.path())).unwrap();
    assert_eq!(count(base.path()), 1);
}

#[test]
fn unusable_base_is_skipped_and_named_if_none_is_usable() {
    let base = tempfile::tempdir().unwrap();
    let missing = base.path().join("missing");
    let first = BaseDir {
        path: missing.clone(),
        variable: "XDG_RUNTIME_DIR",
    };
    let both = [first.clone(), at(base.path()).remove(0)];
    let dir = RuntimeDir::create(&both).unwrap();
    assert_eq!(
        dir.path().parent(),
        Some(base.path().canonicalize().unwrap().as_path())
    );
    let error = RuntimeDir::create(&[first]).unwrap_err().to_string();
    assert!(
        error.contains(&format!("{} (from XDG_RUNTIME_DIR)", missing.display())),
        "{error}"
    );
    assert!(error.contains("set TMPDIR"), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn noexec_filesystem_is_refused() {
    // Usually mounted noexec on Linux; otherwise there is nothing to test.
    for path in ["/proc", "/sys"].map(Path::new) {
        if is_noexec(path).unwrap_or(false) {
            let error = RuntimeDir::create(&at(path)).unwrap_err().to_string();
            assert!(error.contains("is mounted noexec"), "{error}");
        }
    }
}

#[test]
fn directory_removed_before_locking_is_not_held() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("dir");
    fs::create_dir(&path).unwrap();
    let file = File::open(&path).unwrap();
    fs::rename(&path, base.path().join("away")).unwrap();
    assert!(hold(&path, file.try_clone().unwrap()).is_none());
    fs::create_dir(&path).unwrap();
    assert!(
        hold(&path, file).is_none(),
        "another directory under the same name"
    );
}

#[test]
fn removed_directory_is_created_again_and_locked() {
    let base = tempfile::tempdir().unwrap();
    let mut dir = RuntimeDir::create(&at(base.path())).unwrap();
    let path = dir.path().to_path_buf();
    assert!(!dir.repair().unwrap());
    for _ in 0..2 {
        fs::remove_dir(&path).unwrap();
        assert!(dir.repair().unwrap());
        assert_eq!(dir.path(), path);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o700);
        assert!(lock(&path).is_none(), "it is locked");
    }
    drop(dir);
    assert_eq!(count(base.path()), 0);
}

#[test]
fn something_else_at_the_path_is_left_and_another_directory_used() {
    let base = tempfile::tempdir().unwrap();
    let mut dir = RuntimeDir::create(&at(base.path())).unwrap();
    let path = dir.path().to_path_buf();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("precious"), "x").unwrap();
    fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &path).unwrap();
    assert!(dir.repair().unwrap());
    assert_ne!(dir.path(), path);
    assert!(elsewhere.path().join("precious").exists());
}

#[test]
fn another_base_is_used_when_the_first_is_removed() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bases = [at(first.path()).remove(0), at(second.path()).remove(0)];
    let mut dir = RuntimeDir::create(&bases).unwrap();
    first.close().unwrap();
    assert!(dir.repair().unwrap());
    let second = second.path().canonicalize().unwrap();
    assert_eq!(dir.path().parent(), Some(second.as_path()));
}

#[test]
fn changed_mode_is_corrected_and_an_exposed_directory_is_replaced() {
    let base = tempfile::tempdir().unwrap();
    let mut dir = RuntimeDir::create(&at(base.path())).unwrap();
    let path = dir.path().to_path_buf();
    for mode in [0o755, 0o500] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert!(!dir.repair().unwrap());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o700);
    }
    fs::set_permissions(&path, Permissions::from_mode(0o770)).unwrap();
    assert!(dir.repair().unwrap());
    assert_ne!(dir.path(), path);
    assert!(!path.exists());
}

#[test]
fn base_that_others_can_change_is_refused() {
    let (unsafe_base, safe) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let chmod =
        |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    chmod(unsafe_base.path(), 0o777);
    let below = unsafe_base.path().join("below");
    fs::create_dir(&below).unwrap();
    for path in [unsafe_base.path(), &below] {
        let error = RuntimeDir::create(&at(path)).unwrap_err().to_string();
        let shown = unsafe_base.path().display();
        let why = format!("is not safe: `{shown}` is world-writable (mode 0777): run `chmod o-w");
        assert!(error.contains(&why), "{error}");
        let bases = [at(path).remove(0), at(safe.path()).remove(0)];
        let dir = RuntimeDir::create(&bases).unwrap();
        assert_eq!(
            dir.path().parent(),
            Some(&*safe.path().canonicalize().unwrap())
        );
        assert!(matches!(&dir.refusals[..], [Refusal::Untrusted(_)]));
    }
    // In a sticky directory ours stays ours.
    chmod(unsafe_base.path(), 0o1777);
    let mut dir = RuntimeDir::create(&at(unsafe_base.path())).unwrap();
    assert!(!dir.repair().unwrap());
    chmod(unsafe_base.path(), 0o777);
    assert!(dir.repair().is_err(), "others can replace it from now on");
}
