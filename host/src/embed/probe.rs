//! Where libraries are tried before this process loads them.

use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use super::open_error::OpenError;
use crate::load::probe::{self, ARGUMENT, ChildProbe, Probe};

/// Whether this program can be started as a probe.
static IS_PROBE: AtomicBool = AtomicBool::new(false);

/// Makes this program its own probe: call it first in `main`, before any thread and any runtime.
///
/// The stack then starts the program a second time, with the argument `__probe`, to load each new library where a crash or a hang does
/// no harm. There this function never returns.
pub fn probe_main() {
    if std::env::args_os().nth(1).is_some_and(|it| it == ARGUMENT) {
        // It ends the process by itself where it can.
        let _ = probe::main();
        process::exit(1);
    }
    IS_PROBE.store(true, Ordering::Relaxed);
}

/// Which program is the probe.
#[derive(Clone, Debug, Default)]
pub(super) enum ProbeBy {
    /// This one, if it has called [`probe_main`]; otherwise none, and the log warns.
    #[default]
    ThisProgram,
    /// A `stackup` of the same version.
    Program(PathBuf),
    Nothing,
}

impl ProbeBy {
    pub(super) fn probe(&self) -> Result<Option<Box<dyn Probe>>, OpenError> {
        let probe = match self {
            Self::Nothing => return Ok(None),
            Self::Program(program) => ChildProbe::of_program(program.clone()),
            Self::ThisProgram if !IS_PROBE.load(Ordering::Relaxed) => {
                tracing::warn!(
                    event = "no-probe",
                    "libraries are loaded without a probe: one that crashes at its load ends this program\n\nhelp: call \
                     `stackup::probe_main()` first in `main`, or choose another way in `OpenOptions`"
                );
                return Ok(None);
            }
            Self::ThisProgram => {
                ChildProbe::of_this_program().map_err(|error| OpenError::System {
                    what: "cannot find the path of this program",
                    error,
                })?
            }
        };
        Ok(Some(Box::new(probe)))
    }
}
