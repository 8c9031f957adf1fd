//! Changes that times and lengths do not show, from the file to the response.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use stackup_tests::cargo_site::{app, lib};
use stackup_tests::{CargoSite, Host, Site, artifacts, print_skipped};

use super::programs::{Time, is_installed, map, run};

#[tokio::test]
async fn library_in_memory_that_is_written_through_a_mapping_is_swapped() {
    const CODES: [&str; 2] = ["stackup-late-code-00000000", "stackup-late-code-00000001"];
    let memory = Path::new("/dev/shm");
    if !is_installed("python3") || !memory.is_dir() {
        print_skipped("no `python3`, or no `/dev/shm`");
        return;
    }
    let site = Site::new("run = \"late\"\n", &[]);
    let folder = tempfile::tempdir_in(memory).expect("a folder in memory");
    let library = folder.path().join("liblate.so");
    fs::copy(artifacts::plugin("late"), &library).expect("a copy");
    symlink(&library, site.path().join("plugins/liblate.so")).expect("a link");
    let host = Host::start(&site).await;
    assert_eq!(host.get("/").await.text(), CODES[0]);
    // By now the host has read the library long after it was written, and knows it by its times.
    site.manifest("run = \"late\"\n[limits]\nbody_bytes = \"1KiB\"\n");
    host.reload("swapped").await;
    let before = fs::metadata(&library).and_then(|stat| stat.modified());
    map(folder.path(), &["liblate.so"], CODES, Time::Kept);
    host.reload("swapped").await;
    assert_eq!(host.get("/").await.text(), CODES[1]);
    let after = fs::metadata(&library).and_then(|stat| stat.modified());
    assert_eq!(before.ok(), after.ok());
}

#[tokio::test]
async fn source_of_equal_size_and_time_is_built() {
    if !is_installed("rsync") {
        print_skipped("`rsync` is not installed");
        return;
    }
    let site = CargoSite::new("run = \"hello\"\n", &["hello"]);
    let host = site.develop().await;
    assert_eq!(host.get("/").await.text(), "hello");
    let source = site.site.path().join(lib("hello"));
    site.save("new.rs", &app("hallo"));
    let there = fs::metadata(&source).and_then(|stat| stat.modified());
    let new = fs::File::options()
        .write(true)
        .open(site.site.path().join("new.rs"));
    new.and_then(|file| file.set_modified(there?))
        .expect("a time");
    let to = lib("hello");
    run(
        site.site.path(),
        "rsync",
        &["-a", "--checksum", "--inplace", "new.rs", &to],
    );
    host.reload("swapped").await;
    assert_eq!(host.get("/").await.text(), "hallo");
}
