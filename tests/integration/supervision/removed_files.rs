//! Private files that are removed or damaged while stackup runs, as cleaners of temporary directories do.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Signal, kill_process};
use stackup_tests::{Host, Site};

use super::{FAULTY, code, crash_worker, prove, start, swap, wait_for_reload};

/// Removes everything in `TMPDIR`, as tmpreaper does.
fn clean(site: &Site) {
    for entry in entries(&site.runtime()) {
        // A worker may write to it at this moment.
        while fs::remove_dir_all(&entry).is_err() && entry.exists() {}
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

/// The folders of the generations whose libraries are saved. The supervisor's directory has them.
fn saved_generations(site: &Site) -> Vec<PathBuf> {
    let directories = entries(&site.runtime());
    let inside = directories.iter().flat_map(|directory| entries(directory));
    inside.filter(|path| path.is_dir()).collect()
}

/// Kills the worker, and waits for the next one.
async fn kill(site: &Site, host: &Host) {
    let worker = super::rollback::status_worker(site).await;
    kill_process(worker, Signal::KILL).expect("it is there");
    host.event("crash").await;
    host.next_worker().await;
}

#[tokio::test]
async fn killed_worker_is_replaced_after_all_files_are_removed() {
    let (site, host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    // Twice: what is written again can be removed again.
    for _ in 0..2 {
        clean(&site);
        kill(&site, &host).await;
        assert_eq!(code(&host).await, 1);
        prove(&host).await;
    }
    swap(&site, &host, 2, "none").await;
    assert_eq!(code(&host).await, 2);
}

#[tokio::test]
async fn reload_needs_no_file_that_was_removed() {
    let (site, host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    for next in 2..4 {
        clean(&site);
        swap(&site, &host, next, "none").await;
        prove(&host).await;
        // It was saved as well.
        kill(&site, &host).await;
        assert_eq!(code(&host).await, next);
        prove(&host).await;
    }
    // A stack that reuses a library whose copy was removed.
    clean(&site);
    site.manifest(&format!("{FAULTY}[[use]]\nplugin = \"faulty\"\n"));
    wait_for_reload(&host, "swapped").await;
    prove(&host).await;
    kill(&site, &host).await;
    let response = host.get("/").await;
    assert!(response.header("x-faulty").is_some(), "{response}");
}

#[tokio::test]
async fn rollback_target_survives_the_removal_of_its_files() {
    let (site, host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    swap(&site, &host, 2, "segv").await;
    clean(&site);
    // The file on disk has the code that crashes.
    let crash = crash_worker(&host).await;
    assert!(
        crash.to_string().contains("\"rolled_back\":true"),
        "{crash}"
    );
    assert_eq!(code(&host).await, 1);
    wait_for_reload(&host, "refused").await;
}

#[tokio::test]
async fn quarantine_finds_the_library_before_after_its_files_are_removed() {
    let manifest = "run = \"faulty\"\n[failures]\nprobation_requests = 2\ncrashes = 1\n";
    let (site, host) = start(manifest, 1, "none").await;
    prove(&host).await;
    swap(&site, &host, 2, "segv").await;
    prove(&host).await;
    clean(&site);
    let crash = crash_worker(&host).await;
    assert!(!crash.text("quarantined").is_empty(), "{crash}");
    assert_eq!(code(&host).await, 1);
}

#[tokio::test]
async fn upgrade_keeps_libraries_whose_files_were_removed() {
    let (site, host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    site.library("faulty", &super::faulty(2, "segv"));
    wait_for_reload(&host, "swapped").await;
    clean(&site);
    let said = site.stackup(&["upgrade"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    host.event("upgraded").await;
    assert_eq!(code(&host).await, 2);
    clean(&site);
    let crash = crash_worker(&host).await;
    assert!(
        crash.to_string().contains("\"rolled_back\":true"),
        "{crash}"
    );
    assert_eq!(code(&host).await, 1);
}

#[tokio::test]
async fn each_part_of_the_directories_may_be_removed() {
    let (site, host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    let parts: [fn(&Site) -> PathBuf; 3] = [
        |site| entries(&saved_generations(site)[0])[0].clone(),
        |site| saved_generations(site)[0].clone(),
        |site| {
            saved_generations(site)[0]
                .parent()
                .expect("a vault")
                .to_path_buf()
        },
    ];
    for part in parts {
        let path = part(&site);
        match path.is_dir() {
            true => fs::remove_dir_all(&path).expect("it can be removed"),
            false => fs::remove_file(&path).expect("it can be removed"),
        }
        kill(&site, &host).await;
        prove(&host).await;
        assert_eq!(code(&host).await, 1, "{}", path.display());
    }
}

#[tokio::test]
async fn truncated_copy_is_replaced_by_the_plugins_file() {
    let (site, host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    truncate_saved(&site);
    // That may have crashed it already.
    kill_process(host.worker(), Signal::KILL).ok();
    host.event("library-lost").await;
    host.next_worker().await;
    assert_eq!(code(&host).await, 1);
}

#[tokio::test]
async fn lost_stack_gives_way_to_the_stack_on_disk() {
    let (site, host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    truncate_saved(&site);
    site.library("faulty", &super::faulty(2, "none"));
    kill_process(host.worker(), Signal::KILL).ok();
    let lost = host.event("snapshot-lost").await;
    let message = lost.message();
    assert!(message.contains("its saved copy is lost"), "{message}");
    host.next_worker().await;
    assert_eq!(code(&host).await, 2);
}

/// Truncates the saved copy, which is also the file that the worker maps.
fn truncate_saved(site: &Site) {
    let saved = entries(&saved_generations(site)[0])[0].clone();
    fs::set_permissions(&saved, Permissions::from_mode(0o700)).expect("a mode");
    let file = File::options().write(true).open(&saved).expect("a file");
    file.set_len(4096).expect("it is shorter");
}

#[tokio::test]
async fn directories_opened_to_others_are_private_again() {
    let (site, host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    for directory in entries(&site.runtime()) {
        fs::set_permissions(directory, Permissions::from_mode(0o777)).expect("a mode");
    }
    swap(&site, &host, 2, "none").await;
    // What others have put there in the meantime stays there.
    let replaced = host.event("runtime-dir").await;
    let message = replaced.message();
    assert!(message.contains("was open to other users"), "{message}");
    prove(&host).await;
    kill(&site, &host).await;
    assert_eq!(code(&host).await, 2);
    for directory in entries(&site.runtime()) {
        let mode = fs::metadata(&directory)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o700, "{}", directory.display());
    }
}

#[tokio::test]
async fn temporary_directory_itself_may_be_removed() {
    let (site, mut host) = start(FAULTY, 1, "none").await;
    prove(&host).await;
    fs::remove_dir_all(site.runtime()).expect("it can be removed");
    kill(&site, &host).await;
    assert_eq!(code(&host).await, 1);
    swap(&site, &host, 2, "none").await;
    assert_eq!(code(&host).await, 2);
    // It used another one, and removes what it put there.
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
}
