//! A certificate: when it expires, and why there is no newer one.

use std::fmt::Write as _;

use super::format::time;
use super::model::Certificate;

impl Certificate {
    pub(super) fn write(&self, out: &mut String) {
        let names = self.names.join(", ");
        let ends = match (&self.expires, self.seconds) {
            (None, _) => "is still to be ordered".to_owned(),
            (Some(expires), 0) => format!("has expired on {expires}"),
            (Some(expires), seconds) => {
                format!("expires in {}, on {expires}", time(seconds as f64))
            }
        };
        let _ = writeln!(out, "  certificate {} ({names}): {ends}", self.file);
        if let Some(refused) = &self.refused {
            let first = refused.lines().next().unwrap_or_default();
            let _ = writeln!(out, "    what is on the disk is refused: {first}");
        }
        if let Some(order) = &self.order {
            let first = order.error.lines().next().unwrap_or_default();
            let next = time(order.seconds as f64);
            let _ = writeln!(
                out,
                "    the last order has failed: {first}; the next is in {next}"
            );
        }
    }
}
