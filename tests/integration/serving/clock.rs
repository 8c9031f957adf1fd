use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use stackup_tests::http::Response;
use stackup_tests::{Host, Site, artifacts, print_skipped};

/// Sets the wall clock of a process back by an hour while the file named by `CLOCK_BACK` is there.
const SHIM: &str = r#"
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    int before = errno;
    if (syscall(SYS_clock_gettime, clock, now))
        return -1;
    const char *back = getenv("CLOCK_BACK");
    if (clock == CLOCK_REALTIME && back && access(back, F_OK) == 0)
        now->tv_sec -= 3600;
    errno = before;
    return 0;
}
"#;

/// Compiles the shim; none without a C compiler.
fn shim(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    fs::write(&source, SHIM).expect("a source");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"])
        .args([&library, &source]);
    match cc.output() {
        Ok(output) if output.status.success() => Some(library),
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            print_skipped(&format!("no C compiler: {error}"));
            None
        }
    }
}

/// How long ago the date of a response was.
fn age(response: &Response) -> Duration {
    let date = response.header("date").expect("a date");
    let date = httpdate::parse_http_date(date).expect("an HTTP date");
    SystemTime::now().duration_since(date).unwrap_or_default()
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn date_follows_a_clock_that_is_set_back() {
    let site = Site::new("run = \"hello\"\n", &["hello"]);
    let Some(shim) = shim(site.path()) else {
        return;
    };
    let back = site.path().join("back");
    let arguments = ["-p", "0", "-o", "127.0.0.1"];
    let mut command = Host::command(artifacts::stackup(), &site, &arguments);
    command.env("LD_PRELOAD", shim).env("CLOCK_BACK", &back);
    let mut host = Host::spawn(&mut command);
    host.ready().await;
    assert!(age(&host.get("/").await) < HOUR);
    fs::write(&back, "").expect("a file");
    let told = host.event("clock").await;
    assert!(told.message().contains("was set back by 3"), "{told}");
    assert!(age(&host.get("/").await) >= HOUR);
}
