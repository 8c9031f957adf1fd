//! A plugin with code that is built with AddressSanitizer, whose runtime ends any process in which it is not the first.

use stackup_tests::{Host, Site, artifacts, print_skipped};

use super::{installed_library, site};

const SAYS: &str = "it was built with a sanitizer, whose runtime must come first";

#[tokio::test]
async fn sanitizer_is_refused_with_its_reason() {
    let Some(library) = artifacts::real_crate("uses-asan") else {
        return;
    };
    let site = site("run = \"uses-asan\"\n", "uses-asan", library);
    let told = site.stackup(&["check", "-E", "production"]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    for says in ["undefined symbol: __asan_", SAYS] {
        assert!(told.stderr.contains(says), "{says}: {told:?}");
    }
}

#[tokio::test]
async fn runtime_of_a_sanitizer_that_is_preloaded_ends_the_probe_and_not_the_worker() {
    let Some(runtime) = installed_library("libasan.so.", "") else {
        print_skipped("gcc's libasan is not installed");
        return;
    };
    let site = Site::new("run = \"hello\"\n", &["hello"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/").await.text(), "Hello, World!\n");
    // No plugin is new, so that nothing but the runtime is there to be probed.
    site.manifest(&format!(
        "run = \"hello\"\n[plugins]\npreload = [{runtime:?}]\n"
    ));
    let record = host.reload("refused").await;
    let error = record.text("error");
    for says in ["runtime does not come first", SAYS, &runtime] {
        assert!(error.contains(says), "{says}: {error}");
    }
    assert_eq!(connection.get("/").await.text(), "Hello, World!\n");
}
