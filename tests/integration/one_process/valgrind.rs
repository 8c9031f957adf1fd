//! The host runs under valgrind, where the kernel's `/proc/self/exe` is another program.

use std::fs;
use std::process::Command;

use rustix::process::Signal;
use stackup_tests::patch::patched;
use stackup_tests::print_skipped;
use stackup_tests::site::read;
use stackup_tests::{Host, Site, artifacts, program};

const FIRST: &str = "stackup-late-code-00000000";
const SECOND: &str = "stackup-late-code-00000001";

const MANIFEST: &str = "\
    run = \"late\"\n\
    [limits]\nwarmup_timeout = \"110s\"\nworker_timeout = \"off\"\nblock_limit = \"off\"\nblock_report = \"off\"\n";

#[tokio::test]
async fn no_fault_is_found_through_a_reload() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        print_skipped("valgrind is not installed");
        return;
    }
    let site = Site::new(MANIFEST, &["late"]);
    let in_valgrind = site.path().join("stackup-in-valgrind");
    let reports = site.path().join("valgrind");
    fs::create_dir(&reports).expect("a folder");
    let script = format!(
        "#!/bin/sh\nexec valgrind -q --trace-children=yes --log-file={}/%p {} \"$@\"\n",
        reports.display(),
        artifacts::stackup().display()
    );
    program::script(&in_valgrind, &script);
    let arguments = ["-p", "0", "-o", "127.0.0.1", "-E", "production"];
    let mut host = Host::launch(&in_valgrind, &site, &arguments);
    host.ready().await;
    assert_eq!(host.get("/").await.text(), FIRST);
    let library = read(artifacts::plugin("late"));
    site.library("late", &patched(&library, FIRST, SECOND));
    host.reload("swapped").await;
    assert_eq!(host.get("/").await.text(), SECOND);
    // The memory of the first library has been reclaimed.
    host.event("drained").await;
    host.signal(Signal::TERM);
    assert!(host.exited().await.success());
    let mut processes = 0;
    for file in fs::read_dir(&reports).expect("a folder").flatten() {
        let report = fs::read_to_string(file.path()).expect("a report");
        assert_eq!(report, "", "valgrind reports a fault");
        processes += 1;
    }
    assert!(processes >= 2, "supervisor and worker run under it");
}
