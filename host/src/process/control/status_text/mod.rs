//! The status as text for people.

mod certificate;
mod counters;
mod format;
mod generation;
mod guest;
mod model;
mod worker;

use std::fmt::Write as _;

use log_text::printable;
use serde::Deserialize;
use serde_json::Value;

use self::format::{after, short};
pub(crate) use self::format::{count, size, time};
pub(crate) use self::model::{Part, Status};

/// How many reloads and incidents are shown; `--json` has more.
const LAST: usize = 8;

/// The text of a status, seen at `now` (milliseconds since the Unix epoch).
pub fn status_text(status: &Value, now: u64) -> String {
    let text = match Status::deserialize(status) {
        Ok(status) => status.text(now),
        // It may come from another version.
        Err(_) => format!("{status:#}"),
    };
    printable(&text).into_owned()
}

impl Status {
    fn text(&self, now: u64) -> String {
        let mut out = format!(
            "stackup {} is serving {} ({}), up {}\n",
            self.stackup,
            self.manifest,
            self.environment,
            time(self.seconds)
        );
        for url in &self.listening {
            let _ = writeln!(out, "listening on {url}");
        }
        let _ = writeln!(
            out,
            "{}, {} so far",
            count(self.crashes, "crash", "crashes"),
            count(self.renewals, "renewal", "renewals")
        );
        self.workers
            .iter()
            .for_each(|worker| worker.write(&mut out));
        for guest in &self.guests {
            guest.write(&self.workers, &mut out);
        }
        for held in &self.quarantine {
            let instead = match &held.instead {
                Some(before) => format!("replaced by {}", short(before)),
                None => "the directive's `on_failure` holds".to_owned(),
            };
            let library = short(&held.fingerprint);
            let _ = writeln!(
                out,
                "\nquarantined: library {library}; {instead}\n  {}",
                held.reason
            );
        }
        for back in &self.rolled_back {
            let _ = writeln!(out, "\nrolled back: {}", back.reason);
        }
        let ago = |at: u64| time(now.saturating_sub(at) as f64 / 1000.0);
        if !self.reloads.is_empty() {
            out.push_str("\nreloads, latest first\n");
        }
        for reload in self.reloads.iter().rev().take(LAST) {
            let _ = writeln!(
                out,
                "  {:<4} {:>10} ago  {:<9}  generation {}, {:.1} ms{}",
                reload.number,
                ago(reload.at),
                reload.outcome,
                reload.generation,
                reload.milliseconds,
                after(&reload.instances)
            );
            if let Some(error) = &reload.error {
                let first = error
                    .lines()
                    .find(|line| !line.is_empty())
                    .unwrap_or_default();
                let _ = writeln!(out, "       {first}");
            }
        }
        if !self.incidents.is_empty() {
            out.push_str("\nincidents, latest first\n");
        }
        for incident in self.incidents.iter().rev().take(LAST) {
            let _ = writeln!(out, "  {:>10} ago  {}", ago(incident.at), incident.text);
        }
        out.truncate(out.trim_end().len());
        out
    }
}

#[cfg(test)]
mod tests;
