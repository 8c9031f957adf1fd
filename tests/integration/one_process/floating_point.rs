//! A library that is linked with `-ffast-math` turns denormal numbers off where it is loaded, not for other plugins.

use stackup_tests::log::Record;
use stackup_tests::site::read;
use stackup_tests::{Host, artifacts};

use super::site;

#[tokio::test]
async fn fast_math_of_one_plugin_changes_no_other() {
    let (Some(fast), Some(other)) = (
        artifacts::real_crate("fast-math"),
        artifacts::real_crate("uses-libc"),
    ) else {
        return;
    };
    // The app is loaded last, in the same thread.
    let manifest = "run = \"uses-libc\"\n[[map]]\npath = \"/fast\"\nrun = \"fast-math\"\n";
    let site = site(manifest, "uses-libc", other);
    site.library("fast-math", &read(fast));
    let host = Host::start(&site).await;
    let changed = |record: &Record| {
        record.event() == "process-changed" && record.text("what") == "floating point"
    };
    let record = host.log().take("change of floating point", changed).await;
    assert_eq!(record.text("handler"), "fast-math", "{record}");
    assert!(
        record.message().contains("denormal numbers are zero"),
        "{record}"
    );
    // Computed when it was loaded, and now.
    assert_eq!(host.get("/half").await.text(), "1e-310 1e-310");
    assert_eq!(host.get("/fast").await.text(), "1e-310");
}
