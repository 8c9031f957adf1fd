//! The answer to `stackup history` as text for people.

use std::fmt::Write as _;

use log_text::printable;
use serde::Deserialize;
use serde_json::Value;

use super::status_text::time;

#[derive(Deserialize)]
struct History {
    /// Latest first.
    stacks: Vec<Stack>,
}

#[derive(Deserialize)]
struct Stack {
    generation: u64,
    first_generation: u64,
    at: u64,
    until: Option<u64>,
    changes: Vec<String>,
    again: Option<u64>,
    rolled_back: Option<String>,
}

/// The text of a history, seen at `now` (milliseconds since the Unix epoch).
pub fn history_text(history: &Value, now: u64) -> String {
    let text = match History::deserialize(history) {
        Ok(history) if history.stacks.is_empty() => "no stack has served yet".to_owned(),
        Ok(history) => {
            let stacks = history.stacks.iter().map(|stack| stack.text(now));
            stacks.collect::<Vec<_>>().join("\n")
        }
        // It may come from another version.
        Err(_) => format!("{history:#}"),
    };
    printable(&text).into_owned()
}

impl Stack {
    fn text(&self, now: u64) -> String {
        let Self { generation, .. } = self;
        let for_time = |end: u64| time(end.saturating_sub(self.at) as f64 / 1000.0);
        let mut text = match self.until {
            None => format!("generation {generation} has served for {}", for_time(now)),
            Some(until) => format!(
                "generation {generation} served for {}, until {} ago",
                for_time(until),
                time(now.saturating_sub(until) as f64 / 1000.0)
            ),
        };
        if self.first_generation != *generation {
            let _ = write!(text, " (first as {})", self.first_generation);
        }
        if let Some(again) = self.again {
            let _ = write!(text, "\n  the stack of generation {again} again");
        }
        for change in self.changes.iter().filter(|_| self.again.is_none()) {
            let _ = write!(text, "\n  {change}");
        }
        if let Some(reason) = &self.rolled_back {
            let _ = write!(text, "\n  rolled back: {reason}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn history_tells_what_served_when_and_why_no_longer() {
        let history = json!({ "stacks": [
            { "generation": 6, "first_generation": 6, "at": 500_000, "until": null, "changes": [], "again": 4, "rolled_back": null },
            { "generation": 5, "first_generation": 5, "at": 400_000, "until": 500_000, "changes": ["~ run hello (config)"], "again": null,
              "rolled_back": "`stackup rollback` replaced it" },
            { "generation": 4, "first_generation": 1, "at": 0, "until": 400_000, "changes": [], "again": null, "rolled_back": null },
        ]});
        let expected = "generation 6 has served for 3.0 s\n  \
                          the stack of generation 4 again\n\
                        generation 5 served for 1 min 40 s, until 3.0 s ago\n  \
                          ~ run hello (config)\n  \
                          rolled back: `stackup rollback` replaced it\n\
                        generation 4 served for 6 min 40 s, until 1 min 43 s ago (first as 1)";
        assert_eq!(history_text(&history, 503_000), expected);
        assert_eq!(
            history_text(&json!({ "stacks": [] }), 0),
            "no stack has served yet"
        );
    }
}
