//! A certificate: when it expires, and why a newer one does not serve.

use std::fmt::Write as _;

use super::format::time;
use super::model::Certificate;

impl Certificate {
    pub(super) fn write(&self, out: &mut String) {
        let names = self.names.join(", ");
        let ends = match self.seconds {
            0 => format!("has expired on {}", self.expires),
            seconds => format!("expires in {}, on {}", time(seconds as f64), self.expires),
        };
        let _ = writeln!(out, "  certificate {} ({names}): {ends}", self.file);
        if let Some(refused) = &self.refused {
            let first = refused.lines().next().unwrap_or_default();
            let _ = writeln!(out, "    what is on the disk is refused: {first}");
        }
    }
}
