//! Where a plugin of ours blocks its thread until the test lets it go on.

use std::fs::File;
use std::path::PathBuf;

use rustix::fs::{CWD, Mode, OFlags, mkfifoat, open};
use rustix::io::Errno;

use crate::Site;

/// A named pipe in the site. Reading it blocks until [`open`](Self::open).
#[derive(Debug)]
pub struct Gate(PathBuf);

impl Gate {
    /// The gate of a site, closed. The plugins `blocks` and `offends` know it by its name.
    ///
    /// # Panics
    ///
    /// If it can't be made.
    pub fn close(site: &Site) -> Self {
        let path = site.path().join("gate");
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).expect("the site can be written");
        Self(path)
    }

    /// Lets the handler that blocks there go on; the next one blocks again.
    ///
    /// # Panics
    ///
    /// If none blocks there.
    pub fn open(&self) {
        assert!(self.try_open(), "a handler blocks at the gate");
    }

    /// The same; false if none blocks there.
    ///
    /// # Panics
    ///
    /// If the gate is gone.
    pub fn try_open(&self) -> bool {
        // Without NONBLOCK this would wait for a reader.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match open(&self.0, flags, Mode::empty()) {
            Ok(opened) => {
                drop(File::from(opened));
                true
            }
            Err(Errno::NXIO) => false,
            Err(error) => panic!("the gate: {error}"),
        }
    }
}
