//! The guests: programs that answer requests for the workers' plugins.

use std::fmt::Write as _;

use super::format::{count, size, time};
use super::model::{Guest, GuestProcess, Worker};

impl Guest {
    /// Adds a paragraph; what the `workers` say of it is how many requests it has.
    pub(super) fn write(&self, workers: &[Worker], out: &mut String) {
        let _ = write!(out, "\nguest {}", self.name);
        if self.restarts > 0 {
            let _ = write!(out, ", {}", count(self.restarts, "restart", "restarts"));
        }
        out.push('\n');
        for process in &self.processes {
            process.write(workers, out);
        }
        if let Some(why) = &self.down {
            let _ = match why.as_str() {
                "" => writeln!(out, "  no process is ready yet"),
                why => writeln!(out, "  no process is ready: {why}"),
            };
        }
    }
}

impl GuestProcess {
    fn write(&self, workers: &[Worker], out: &mut String) {
        let (pid, state, age) = (self.pid, &self.state, time(self.seconds));
        let _ = write!(out, "  pid {pid} {state}, {age} old");
        if let Some(bytes) = self.memory_bytes {
            let _ = write!(out, ", {}", size(bytes));
        }
        let parts = workers.iter().filter_map(|worker| worker.status.as_ref());
        let known = parts.flat_map(|part| &part.guests);
        let own = known.filter(|requests| requests.process == self.number);
        let in_flight: u64 = own.map(|requests| requests.in_flight).sum();
        let requests = count(in_flight, "request", "requests");
        let _ = writeln!(out, ", {requests} in flight");
    }
}
