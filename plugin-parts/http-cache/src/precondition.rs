//! The conditions of a client, answered from a stored response (RFC 9111 §4.3.2).

use crate::age::date_value;
use crate::fields::Fields;
use crate::validator::{Validators, list_includes};
use crate::{Timestamp, date};

/// What the conditions of a request for reading say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Send the response.
    Holds,
    /// The client has it: 304.
    NotModified,
}

/// Evaluates `If-None-Match`, or without it `If-Modified-Since`, against a stored response that came at `received`. Responses
/// other than 2xx are sent whatever the conditions are (RFC 9110 §13.2.1).
pub fn precondition(
    request: &impl Fields,
    status: u16,
    stored: &impl Fields,
    received: Timestamp,
) -> Precondition {
    if !(200..300).contains(&status) {
        return Precondition::Holds;
    }
    // Most requests have no condition: for them the stored response is not looked at.
    let unchanged = if request.has("if-none-match") {
        let validators = Validators::of(stored);
        list_includes(request.lines("if-none-match"), validators.tag())
    } else if let Some(since) = request.only("if-modified-since") {
        let since = date::http_date(since, received);
        // Without a date of change, that of the response counts.
        let modified = match Validators::of(stored).last_modified {
            Some(text) => date::http_date(text, received),
            None => Some(date_value(stored, received)),
        };
        since.is_some_and(|since| modified.is_some_and(|modified| modified <= since))
    } else {
        false
    };
    match unchanged {
        true => Precondition::NotModified,
        false => Precondition::Holds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::List;

    const EARLY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATE: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

    fn holds(request: &[(&str, &str)], status: u16, stored: &[(&str, &str)]) -> bool {
        let [request, stored] =
            [request, stored].map(|fields| fields.iter().copied().collect::<List>());
        let received = Timestamp::from_seconds(784_200_000);
        precondition(&request, status, &stored, received) == Precondition::Holds
    }

    #[test]
    fn tags_are_compared_weakly_and_win_over_dates() {
        let stored = [("etag", "W/\"a\""), ("last-modified", EARLY)];
        assert!(!holds(&[("if-none-match", "\"b\", \"a\"")], 200, &stored));
        assert!(!holds(&[("if-none-match", "*")], 200, &stored));
        let both = [("if-none-match", "\"b\""), ("if-modified-since", LATE)];
        assert!(holds(&both, 200, &stored));
        assert!(holds(&[("if-none-match", "\"a\"")], 404, &stored));
    }

    #[test]
    fn date_of_the_response_stands_in_for_last_modified() {
        let since = |date| [("if-modified-since", date)];
        assert!(!holds(&since(EARLY), 200, &[("last-modified", EARLY)]));
        assert!(holds(&since(EARLY), 200, &[("last-modified", LATE)]));
        assert!(!holds(&since(LATE), 200, &[("date", EARLY)]));
        assert!(holds(&since("yesterday"), 200, &[("date", EARLY)]));
    }
}
