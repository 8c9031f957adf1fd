//! Case files of raw requests, and responses as text.

use std::fmt::Write;
use std::path::Path;

use crate::cases;

/// What a client sends.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) bytes: Vec<u8>,
    /// Whether the client closes its half instead of sending another request.
    pub(super) half_closes: bool,
}

impl Case {
    /// Reads a case: comments that begin with `#`, then bytes. The ends of its lines are none of them; `\r`, `\n`, `\t`,
    /// `\0`, `\\` and `\xE9` are bytes, `\{a*1000}` is a thousand times `a`, and `\END` at the end has the client close
    /// its half of the connection.
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a case");
        let (input, _) = cases::split(&text);
        let lines: String = input
            .lines()
            .skip_while(|line| line.starts_with('#'))
            .collect();
        let (lines, half_closes) = match lines.strip_suffix("\\END") {
            Some(lines) => (lines, true),
            None => (lines.as_str(), false),
        };
        let bytes =
            unescape(lines).unwrap_or_else(|| panic!("{}: an invalid escape", path.display()));
        Self { bytes, half_closes }
    }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (kind, after) = escape.split_at_checked(1)?;
        rest = after;
        match kind {
            "r" => bytes.push(b'\r'),
            "n" => bytes.push(b'\n'),
            "t" => bytes.push(b'\t'),
            "0" => bytes.push(0),
            "\\" => bytes.push(b'\\'),
            "x" => {
                let (digits, after) = after.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = after;
            }
            "{" => {
                let (repeated, after) = after.split_once('}')?;
                let (what, count) = repeated.rsplit_once('*')?;
                bytes.extend_from_slice(what.repeat(count.parse().ok()?).as_bytes());
                rest = after;
            }
            _ => return None,
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// A response.
#[derive(Debug)]
pub(super) struct Received {
    status: String,
    /// Which request the app has received, if it has.
    request: Option<String>,
    /// Which request nginx has passed on, if there is one.
    asked: Option<String>,
    /// Its `content-length`, and whether its body came.
    body: (Option<usize>, bool),
    has_date: bool,
}

impl Received {
    /// Whether the app has received what nginx has passed on.
    pub(super) fn is_as_asked(&self) -> bool {
        let Some(received) = &self.request else {
            return true;
        };
        // nginx keeps an empty path before a query.
        let asked = self.asked.as_ref().map(|asked| asked.replace(" ?", " /?"));
        let rest = asked.and_then(|asked| received.strip_prefix(&asked));
        rest.is_some_and(|rest| rest.starts_with(' '))
    }

    pub(super) fn is_for(&self, target: &str) -> bool {
        self.request
            .as_ref()
            .is_some_and(|line| line.split(' ').nth(1) == Some(target))
    }
}

/// The responses in these bytes. One that is incomplete is the last.
pub(super) fn received(mut bytes: &[u8]) -> Vec<Received> {
    let mut all = Vec::new();
    while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes = &bytes[end + 4..];
        let status = head.split(' ').nth(1).unwrap_or("?").to_owned();
        let field = |wanted: &str| {
            let mut fields = head.split("\r\n").filter_map(|line| line.split_once(": "));
            fields
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.to_owned())
        };
        let length = field("content-length").and_then(|length| length.parse().ok());
        // After HEAD, and with some statuses, a length is not that of a body.
        let comes = length.is_some_and(|length| length > 0)
            && !bytes.is_empty()
            && !bytes.starts_with(b"HTTP/1.");
        if comes {
            bytes = bytes.get(length.unwrap_or_default()..).unwrap_or_default();
        }
        all.push(Received {
            status,
            request: field("x-received"),
            asked: field("x-asked"),
            body: (length, comes),
            has_date: field("date").is_some(),
        });
    }
    if !bytes.is_empty() {
        let status = format!("more: {}", bytes.escape_ascii());
        all.push(Received {
            status,
            request: None,
            asked: None,
            body: (None, false),
            has_date: true,
        });
    }
    all
}

/// The responses as a case has them: a line for each, and the end.
pub(super) fn text(all: &[Received]) -> String {
    let mut text = String::new();
    for received in all.iter().filter(|received| !received.is_for("/marker")) {
        text += &received.status;
        if let Some(request) = &received.request {
            let _ = write!(text, " {request}");
        }
        match (&received.request, received.body) {
            (Some(_), (Some(9), true)) | (None, _) => {}
            (_, (length, comes)) => {
                let length = length.map_or("without a length".to_owned(), |length| {
                    format!("of {length} bytes")
                });
                let _ = write!(
                    text,
                    " [{length}, {}]",
                    if comes {
                        "with a body"
                    } else {
                        "without a body"
                    }
                );
            }
        }
        // RFC 9110 §6.6.1
        if !received.has_date && !received.status.starts_with('1') {
            text += " [no date]";
        }
        text.push('\n');
    }
    let is_open = all.last().is_some_and(|last| last.is_for("/marker"));
    text += if is_open { "open\n" } else { "close\n" };
    text
}
