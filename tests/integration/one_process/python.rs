//! A plugin that runs Python: without the interpreter's library the refusal says what helps, and with it the plugin loads.

use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::{Host, artifacts, print_skipped};

use super::{code, installed_library, site};

#[tokio::test]
async fn python_is_refused_with_the_setting_that_helps_and_loads_with_it() {
    let Some(library) = artifacts::real_crate("uses-python") else {
        return;
    };
    let site = site("run = \"uses-python\"\n", "uses-python", library);
    let told = site.stackup(&["check", "-E", "production"]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    for says in [
        "undefined symbol: ",
        "Py",
        "`[plugins] preload = [\"libpython3",
    ] {
        assert!(told.stderr.contains(says), "{says}: {told:?}");
    }
    let Some(python) = installed_library("libpython3.", ".so.1.0") else {
        print_skipped("no libpython3 is installed");
        return;
    };
    site.manifest(&format!(
        "run = \"uses-python\"\n[plugins]\npreload = [{python:?}]\n"
    ));
    let host = Host::start(&site).await;
    // An extension module of Python's quotes it: that, too, finds the interpreter's symbols.
    let quoted = |number| format!("{:?}", code("python", number));
    assert_eq!(host.get("/").await.text(), quoted(0));
    let next = patched(&read(library), &code("python", 0), &code("python", 1));
    site.library("uses-python", &next);
    host.reload("swapped").await;
    assert_eq!(host.get("/").await.text(), quoted(1));
}
