//! A plugin that changes what belongs to the whole process is named before the server suffers from it.

use stackup_tests::log::Record;
use stackup_tests::site::read;
use stackup_tests::{Host, Site, artifacts};

use super::site;

/// A manifest whose app changes these things in its `init`.
fn manifest(changes: &[&str], plugins: &str) -> String {
    format!(
        "run = {{ plugin = \"uses-libc\", config = {{ change = {changes:?} }} }}\n[plugins]\n{plugins}\n"
    )
}

/// What each change is called.
const CHANGES: [(&str, &str); 5] = [
    ("directory", "the working directory (`/` in place of `"),
    ("umask", "the umask (`0027` in place of `"),
    ("locale", "the locale (`C.UTF-8` in place of `C`)"),
    ("environment", "environment variables (`USES_LIBC`)"),
    ("limit", "the limit of open files (512 in place of "),
];

#[tokio::test]
async fn changes_are_reported_once_with_the_handler() {
    let Some(library) = artifacts::real_crate("uses-libc") else {
        return;
    };
    let all = CHANGES.map(|(change, _)| change);
    let site = site(&manifest(&all, ""), "uses-libc", library);
    let host = Host::start(&site).await;
    let record = host.event("manifest-warning").await;
    assert!(
        record
            .message()
            .contains("`uses-libc` changes the whole process: "),
        "{record}"
    );
    for (_, says) in CHANGES {
        assert!(record.message().contains(says), "{says}: {record}");
    }
    assert_eq!(host.get("/").await.text(), "1.5");
    // Another stack with the same handler.
    site.manifest(&format!(
        "warmup = [\"/\"]\n{}",
        manifest(&all, "trust = \"any\"")
    ));
    site.stackup(&["reload"]).await;
    let again = |record: &Record| record.event() == "manifest-warning";
    assert!(host.log().try_take(again).is_none(), "{}", host.log());
    // A command tells it before production does.
    let checked = site.stackup(&["check", "-E", "production"]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stderr.contains("the umask (`0027`"), "{checked:?}");
}

#[tokio::test]
async fn strict_refuses_each_change() {
    let Some(library) = artifacts::real_crate("uses-libc") else {
        return;
    };
    let site = Site::new("run = \"hello\"\n", &["hello"]);
    site.library("uses-libc", &read(library));
    let host = Host::start(&site).await;
    let set_back = [
        ("mask", "which signals are blocked"),
        ("segv", "the handlers of SIGSEGV"),
        ("pipe", "the handlers of SIGPIPE"),
    ];
    for (change, says) in CHANGES.into_iter().chain(set_back) {
        site.manifest(&manifest(&[change], "process_state = \"strict\""));
        let what = format!("refusal of `{change}`");
        let refused = |record: &Record| {
            record.text("outcome") == "refused" && record.text("error").contains(says)
        };
        let record = host.log().take(&what, refused).await;
        assert_eq!(record.text("stage"), "probe", "{record}");
        assert!(
            record.text("error").contains("process_state = \"report\""),
            "{record}"
        );
        assert_eq!(host.get("/").await.text(), "Hello, World!\n");
    }
    // One that changes nothing serves.
    site.manifest(&manifest(&[], "process_state = \"strict\""));
    host.reload("swapped").await;
    assert_eq!(host.get("/").await.text(), "1.5");
}

#[tokio::test]
async fn handler_that_serves_is_refused_once_the_manifest_is_strict() {
    let Some(library) = artifacts::real_crate("uses-libc") else {
        return;
    };
    let site = site(&manifest(&["umask"], ""), "uses-libc", library);
    let host = Host::start(&site).await;
    site.manifest(&manifest(&["umask"], "process_state = \"strict\""));
    let record = host.reload("refused").await;
    assert!(record.text("error").contains("the umask"), "{record}");
    assert_eq!(host.get("/").await.text(), "1.5");
}
