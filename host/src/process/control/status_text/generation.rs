//! A generation's stack, and what holds one that drains.

use std::fmt::Write as _;

use super::format::{count, time};
use super::model::{Draining, HeldBy, Line, MoreRequests, Request, Upgrade};

impl Line {
    fn indent(&self) -> usize {
        2 * usize::from(self.depth)
    }

    pub(super) fn width(&self) -> usize {
        self.indent() + self.label.chars().count()
    }

    pub(super) fn write(&self, out: &mut String, widest: usize, generation: u64) {
        let indent = 4 + self.indent();
        let gap = widest.saturating_sub(self.width());
        let _ = write!(out, "{:indent$}{}", "", self.label);
        if let (Some(version), Some(fingerprint)) = (&self.version, &self.fingerprint) {
            let age = match (self.kept, self.born) {
                (Some(true), Some(born)) => format!("kept since {born}"),
                _ if generation == 1 => String::new(),
                _ => "new".to_owned(),
            };
            let _ = write!(out, "{:gap$}  {version} {fingerprint}  {age}", "");
            out.truncate(out.trim_end().len());
        }
        out.push('\n');
    }
}

impl Draining {
    pub(super) fn write(&self, out: &mut String) {
        let HeldBy {
            requests,
            more_requests,
            kept,
            tasks,
        } = &self.held_by;
        let left = match self.stuck {
            true => "stuck: a request blocks its thread".to_owned(),
            false if *kept > 0 && requests.is_empty() => "without a deadline".to_owned(),
            false => {
                let left = |request: &Request| match request.upgrade {
                    Some(_) => self.upgrade_deadline_seconds,
                    None => self.deadline_seconds,
                };
                let longest = requests.iter().map(left).reduce(f64::max);
                let longest = longest.unwrap_or(self.deadline_seconds);
                format!("at most {} more", time(longest))
            }
        };
        let _ = writeln!(
            out,
            "  generation {} draining for {} ({left}), held by",
            self.number,
            time(self.seconds)
        );
        requests.iter().for_each(|request| request.write(out));
        more_requests.write(out);
        if *kept > 0 {
            let requests = count(*kept as u64, "request", "requests");
            let _ = writeln!(out, "      {requests} whose handlers were all kept");
        }
        for task in tasks {
            let _ = writeln!(
                out,
                "      task `{}` of `{}` for {}",
                task.name,
                task.handler,
                time(task.seconds)
            );
        }
        if requests.is_empty() && tasks.is_empty() && *kept == 0 {
            out.push_str("      a request that is about to finish\n");
        }
    }
}

impl MoreRequests {
    pub(super) fn write(&self, out: &mut String) {
        for (more, what) in [
            (self.request, "running"),
            (self.body, "sending a body"),
            (self.upgraded, "changed to another protocol"),
        ] {
            if more > 0 {
                let _ = writeln!(out, "      and {more} more, {what}");
            }
        }
    }
}

impl Request {
    pub(super) fn write(&self, out: &mut String) {
        let what = match (&self.upgrade, self.phase.as_str()) {
            (Some(upgrade), _) => format!("has changed to {}", upgrade.protocol),
            (None, "body") => "is sending its body".to_owned(),
            (None, _) => "is running".to_owned(),
        };
        let whose = match &self.handler {
            Some(handler) => format!(" in `{handler}`"),
            None => String::new(),
        };
        let since = match self.since_generation {
            Some(number) => format!(", since generation {number}"),
            None => String::new(),
        };
        let bytes = self.upgrade.as_ref().map_or(String::new(), |upgrade| {
            let Upgrade { received, sent, .. } = upgrade;
            format!(", {received} bytes received, {sent} sent")
        });
        let Self { method, path, .. } = self;
        let _ = writeln!(
            out,
            "      {method} {path} {what}{whose} for {}{bytes}{since}",
            time(self.seconds)
        );
    }
}
