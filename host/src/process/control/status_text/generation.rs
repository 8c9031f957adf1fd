//! A generation's stack, and what holds one that drains.

use std::fmt::Write as _;

use super::format::time;
use super::model::{Draining, HeldBy, Line, Request};

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
        let left = match self.stuck {
            true => "stuck: a request blocks its thread".to_owned(),
            false => format!("at most {} more", time(self.deadline_seconds)),
        };
        let _ = writeln!(
            out,
            "  generation {} draining for {} ({left}), held by",
            self.number,
            time(self.seconds)
        );
        let HeldBy { requests, tasks } = &self.held_by;
        requests.iter().for_each(|request| request.write(out));
        for task in tasks {
            let _ = writeln!(
                out,
                "      task `{}` of `{}` for {}",
                task.name,
                task.handler,
                time(task.seconds)
            );
        }
        if requests.is_empty() && tasks.is_empty() {
            out.push_str("      a request that is about to finish\n");
        }
    }
}

impl Request {
    pub(super) fn write(&self, out: &mut String) {
        let what = match self.phase.as_str() {
            "body" => "is sending its body",
            _ => "is running",
        };
        let whose = match &self.handler {
            Some(handler) => format!(" in `{handler}`"),
            None => String::new(),
        };
        let Self { method, path, .. } = self;
        let _ = writeln!(
            out,
            "      {method} {path} {what}{whose} for {}",
            time(self.seconds)
        );
    }
}
