//! Libraries of reproducible builds, which all have the same time.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use stackup_tests::log::Record;
use stackup_tests::patch::patched;
use stackup_tests::site::{library_file, read};
use stackup_tests::{Host, Site, artifacts};

/// Writes the file in place, with Nix's time.
fn overwrite(path: &Path, content: &[u8]) {
    let mut file = File::create(path).expect("it can be written");
    file.write_all(content).expect("it can be written");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    file.set_modified(time).expect("it has a time");
}

#[tokio::test]
async fn library_overwritten_with_the_same_length_and_time_is_loaded() {
    let library = read(artifacts::plugin("faulty"));
    let coded = |code: u64| {
        let code = format!("stackup-faulty-code-{code:08}");
        patched(&library, "stackup-faulty-code-00000000", &code)
    };
    let site = Site::new("run = \"faulty\"\n", &[]);
    let path = site.path().join(library_file("faulty"));
    overwrite(&path, &coded(1));
    let host = Host::start(&site).await;
    for code in 2..4 {
        overwrite(&path, &coded(code));
        // A write that stalls half-way may be refused before.
        let swapped = |record: &Record| record.text("outcome") == "swapped";
        host.log().take("swap", swapped).await;
        let text = host.get("/").await.text().to_owned();
        let expected = format!("stackup-faulty-code-{code:08} ");
        assert!(text.starts_with(&expected), "{text}");
    }
}
