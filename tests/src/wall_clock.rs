//! A wall clock that tests set back.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{Site, print_skipped};

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

/// The wall clock of a site's host, with all its processes.
#[derive(Debug)]
pub struct WallClock {
    shim: PathBuf,
    back: PathBuf,
}

impl WallClock {
    /// Makes one for a site; none without a C compiler, which it reports.
    ///
    /// # Panics
    ///
    /// If the compiler fails.
    pub fn of(site: &Site) -> Option<Self> {
        let source = site.file("clock.c", SHIM);
        let shim = site.path().join("clock.so");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-o"]).args([&shim, &source]);
        match cc.output() {
            Ok(output) if output.status.success() => Some(Self {
                shim,
                back: site.path().join("clock-is-back"),
            }),
            Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => {
                print_skipped(&format!("a clock that jumps: no C compiler: {error}"));
                None
            }
        }
    }

    /// Gives it to the processes that the command will start.
    pub fn give_to(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.shim)
            .env("CLOCK_BACK", &self.back);
    }

    /// Sets it back by an hour.
    ///
    /// # Panics
    ///
    /// If the site can't be written.
    pub fn set_back(&self) {
        fs::write(&self.back, "").expect("a file");
    }

    /// Sets it to the hour that it is.
    ///
    /// # Panics
    ///
    /// If it was not set back.
    pub fn set_right(&self) {
        fs::remove_file(&self.back).expect("it was set back");
    }
}
