use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use stackup_tests::{Host, Site, artifacts, print_skipped, program};

const MANIFEST: &str = "run = \"hello\"\n";
const SERVE: [&str; 4] = ["-p", "0", "-o", "127.0.0.1"];

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode is set");
}

/// Gives the file to another user. False, aloud, without the right to.
fn chown(path: &Path, uid: u32) -> bool {
    let given = std::os::unix::fs::lchown(path, Some(uid), Some(uid));
    if given.is_err() {
        print_skipped("only root can give files away");
    }
    given.is_ok()
}

fn site() -> Site {
    Site::new(MANIFEST, &["hello"])
}

#[tokio::test]
async fn manifest_that_others_can_change_is_refused() {
    for name in ["config.ru.toml", ""] {
        let site = site();
        let path = site.path().join(name);
        chmod(&path, 0o777);
        let said = site.stackup(&["check", "-E", "production"]).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        let shown = path.canonicalize().expect("it is there");
        let shown = shown.display();
        let reason = format!(
            "failed to read the manifest `config.ru.toml`: `{shown}` is world-writable (mode 0777), so other users \
             decide what runs here"
        );
        assert!(said.stderr.contains(&reason), "{said:?}");
        let help = format!("help: run `chmod o-w '{shown}'`; or start with `--trust any`");
        assert!(said.stderr.contains(&help), "{said:?}");
        let mut host = Host::launch(artifacts::stackup(), &site, &SERVE);
        assert!(!host.exited().await.success());
        let any = [&SERVE[..], &["--trust", "any"]].concat();
        let mut host = Host::launch(artifacts::stackup(), &site, &any);
        host.ready().await;
        assert_eq!(host.get("/").await.status(), 200);
    }
}

#[tokio::test]
async fn manifest_opened_to_others_is_no_longer_followed() {
    let site = site();
    let host = Host::start(&site).await;
    let manifest = site.path().join("config.ru.toml");
    chmod(&manifest, 0o666);
    let refused = host.reload("refused").await;
    let error = refused.text("error").to_owned();
    assert!(error.contains("is world-writable (mode 0666)"), "{error}");
    site.manifest("run = \"nothing\"\n");
    assert_eq!(host.get("/").await.status(), 200);
}

#[tokio::test]
async fn lock_that_others_can_change_is_refused() {
    let site = site();
    let said = site.stackup(&["lock"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let check = ["check", "-E", "production", "--locked"];
    assert_eq!(site.stackup(&check).await.code, Some(0));
    chmod(&site.path().join("config.ru.lock"), 0o666);
    let said = site.stackup(&check).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    let reason = "failed to read the lock `config.ru.lock`: `";
    assert!(said.stderr.contains(reason), "{said:?}");
    assert!(said.stderr.contains("is world-writable (mode 0666)"));
    let any = [&check[..], &["--trust", "any"]].concat();
    assert_eq!(site.stackup(&any).await.code, Some(0));
}

#[tokio::test]
async fn files_of_another_user_are_refused() {
    for name in ["config.ru.toml", "plugins/libhello.so", "plugins"] {
        let site = site();
        if !chown(&site.path().join(name), 4242) {
            return;
        }
        let said = site.stackup(&["check", "-E", "production"]).await;
        assert_eq!(said.code, Some(1), "{name}: {said:?}");
        let reason = "belongs to user 4242, not to this user (0) or root";
        assert!(said.stderr.contains(reason), "{name}: {said:?}");
    }
}

#[tokio::test]
async fn group_that_has_other_members_may_not_write() {
    let site = site();
    for name in ["config.ru.toml", "plugins/libhello.so"] {
        let path = site.path().join(name);
        // A group that no account is in: a directory service may know better.
        if std::os::unix::fs::chown(&path, None, Some(4242)).is_err() {
            print_skipped("only root can give files away");
            return;
        }
        chmod(&path, 0o664);
        let said = site.stackup(&["check", "-E", "production"]).await;
        let reason = "is writable by group 4242 (mode 0664)";
        assert!(said.stderr.contains(reason), "{name}: {said:?}");
        chmod(&path, 0o644);
        assert_eq!(
            site.stackup(&["check", "-E", "production"]).await.code,
            Some(0)
        );
    }
}

#[tokio::test]
async fn runtime_folder_of_another_user_is_not_used() {
    let site = site();
    let theirs = site.path().join("theirs");
    fs::create_dir(&theirs).expect("a folder");
    if !chown(&theirs, 4242) {
        return;
    }
    let mut command = Host::command(artifacts::stackup(), &site, &SERVE);
    command.env("XDG_RUNTIME_DIR", &theirs);
    let mut host = Host::spawn(&mut command);
    let warned = host.event("runtime-dir").await;
    let message = warned.message().to_owned();
    let reason = "(from XDG_RUNTIME_DIR) is not safe: `";
    assert!(message.contains(reason), "{message}");
    assert!(message.contains("belongs to user 4242"), "{message}");
    host.ready().await;
    assert_eq!(host.get("/").await.status(), 200);
    assert_eq!(fs::read_dir(&theirs).expect("it is there").count(), 0);
}

#[tokio::test]
async fn fifo_in_place_of_manifest_or_lock_is_refused_at_once() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    for name in ["config.ru.toml", "config.ru.lock"] {
        let site = site();
        let path = site.path().join(name);
        // It may be there.
        let _ = fs::remove_file(&path);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
        let said = site
            .stackup(&["check", "-E", "production", "--locked"])
            .await;
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stderr.contains("not a regular file"), "{said:?}");
        let mut host = Host::launch(artifacts::stackup(), &site, &["-p", "0", "--locked"]);
        assert!(!host.exited().await.success());
    }
}

#[tokio::test]
async fn program_that_others_can_change_is_no_upgrade() {
    let site = site();
    let programs = tempfile::tempdir_in(artifacts::target_dir()).expect("a folder");
    let stackup = programs.path().join("stackup");
    program::copy(artifacts::stackup(), &stackup);
    let mut host = Host::launch(&stackup, &site, &SERVE);
    host.ready().await;
    chmod(programs.path(), 0o777);
    let said = site.stackup(&["upgrade"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("is not started: `"), "{said:?}");
    assert!(
        said.stderr.contains("is world-writable (mode 0777)"),
        "{said:?}"
    );
    assert_eq!(host.get("/").await.status(), 200);
    chmod(programs.path(), 0o755);
    let said = site.stackup(&["upgrade"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[tokio::test]
async fn inspected_library_is_a_file_that_only_we_can_change() {
    let site = site();
    let said = site.stackup(&["inspect", "/dev/zero"]).await;
    let message = "error: `/dev/zero`: it is a device, not a regular file\n";
    assert_eq!((said.code, &*said.stderr), (Some(1), message));
    let library = "plugins/libhello.so";
    chmod(&site.path().join(library), 0o666);
    // It runs none of its code.
    assert_eq!(site.stackup(&["inspect", library]).await.code, Some(0));
    let said = site.stackup(&["inspect", "--schema", library]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr.contains("is world-writable (mode 0666)"),
        "{said:?}"
    );
    let any = ["inspect", "--schema", "--trust", "any", library];
    assert_eq!(site.stackup(&any).await.code, Some(0));
}

#[tokio::test]
async fn socket_in_a_folder_of_others_is_reported() {
    let site = site();
    let folder = site.path().join("shared");
    fs::create_dir(&folder).expect("a folder");
    for (mode, reported) in [(0o777, true), (0o1777, false), (0o755, false)] {
        chmod(&folder, mode);
        let address = format!("unix:{}", folder.join("s.sock").display());
        let mut host = Host::launch(artifacts::stackup(), &site, &["-o", &address]);
        host.ready().await;
        let log = host.log().to_string();
        assert_eq!(log.contains("socket-folder"), reported, "{mode:o}: {log}");
        let said = site.stackup(&["stop"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(host.exited().await.success());
    }
}
