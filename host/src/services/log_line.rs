//! A line of the log: from an event to JSON, or to text for people.

use std::fmt::{self, Write as _};
use std::time::SystemTime;

use log_text::{one_line, printable, styled};
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::Level;
use tracing::field::{Field, Visit};

/// A line of the log, for a subscriber.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogLine {
    /// When, in milliseconds since the Unix epoch.
    pub at: u64,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// The handler that it is about; none for the host's own.
    pub handler: Option<String>,
    /// The text.
    pub message: String,
    /// The fields.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// The field with the target of a plugin's record, by which `[log.targets]` filters.
const PLUGIN_TARGET: &str = "plugin_target";

/// The field with a plugin's own fields, as JSON.
pub(super) const PLUGIN_FIELDS: &str = "plugin_fields";

/// What an event says.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) message: String,
    pub(super) handler: Option<String>,
    /// The target of a plugin's record.
    pub(super) target: Option<String>,
    pub(super) others: Map<String, Value>,
    /// Whether the plugin has logged it, not the host.
    pub(super) of_plugin: bool,
}

impl Fields {
    /// Removes colours from the host's own text, which may quote the compiler.
    pub(super) fn strip_colors(&mut self) {
        let plain = |text: &str| anstream::adapter::strip_str(text).to_string();
        self.message = plain(&self.message);
        for value in self.others.values_mut() {
            if let Value::String(text) = value {
                *text = plain(text);
            }
        }
    }

    fn record(&mut self, field: &Field, value: Value) {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        match field.name() {
            "message" => self.message = text(value),
            "handler" => self.handler = Some(text(value)),
            PLUGIN_TARGET => self.target = Some(text(value)),
            PLUGIN_FIELDS => {
                if let Ok(Value::Object(fields)) = serde_json::from_str(&text(value)) {
                    self.others.extend(fields);
                }
            }
            name => drop(self.others.insert(name.to_owned(), value)),
        }
    }
}

impl Fields {
    pub(super) fn line(&self, level: Level) -> LogLine {
        let time = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        LogLine {
            at: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            level: level.as_str().to_ascii_lowercase(),
            handler: self.handler.clone(),
            message: match self.handler {
                Some(_) => printable(&self.message).into_owned(),
                None => styled(&self.message).into_owned(),
            },
            fields: self.others.clone(),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record(field, value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record(field, value.into());
    }
}

pub(super) fn json(level: Level, fields: Fields) -> String {
    let mut object = Map::new();
    let time = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    object.insert("time".to_owned(), time.as_secs_f64().into());
    object.insert(
        "level".to_owned(),
        level.as_str().to_ascii_lowercase().into(),
    );
    if let Some(handler) = fields.handler {
        object.insert("handler".to_owned(), handler.into());
    }
    if let Some(target) = fields.target {
        object.insert("target".to_owned(), target.into());
    }
    object.insert("message".to_owned(), fields.message.into());
    object.extend(fields.others);
    log_text::json(&Value::Object(object).to_string()).into_owned()
}

/// The message, after the level unless that is info. The host's own messages contain what people need of their fields;
/// a plugin's may not, so its fields follow.
pub(super) fn text(level: Level, fields: &Fields, color: bool) -> String {
    let mut line = String::new();
    let handler = fields.handler.as_deref();
    let handler = handler.filter(|handler| !handler.is_empty());
    let (word, code) = match level {
        Level::ERROR => ("error: ", "1;31"),
        Level::WARN => ("warning: ", "1;33"),
        Level::INFO => ("", ""),
        Level::DEBUG => ("debug: ", "2"),
        Level::TRACE => ("trace: ", "2"),
    };
    if has_level_prefix(&fields.message) {
        // A rendered diagnostic names its level itself.
    } else if color && !word.is_empty() {
        let _ = write!(line, "\u{1b}[{code}m{word}\u{1b}[0m");
    } else {
        line.push_str(word);
    }
    if let Some(handler) = handler {
        let _ = match color {
            true => write!(line, "\u{1b}[36m{handler}\u{1b}[0m: "),
            false => write!(line, "{handler}: "),
        };
    }
    if handler.is_none() {
        // The host's own, which may have several lines, and quote the compiler in its colours.
        line.push_str(&match color {
            true => styled(&fields.message),
            false => printable(&fields.message),
        });
        return line;
    }
    // Text of a plugin, which may quote a client: no part of it may look like a line of its own.
    line.push_str(&one_line(&fields.message));
    if !fields.of_plugin {
        return line;
    }
    for (name, value) in &fields.others {
        let value = match value {
            Value::String(text) => one_line(text),
            value => value.to_string().into(),
        };
        // Writing to a string does not fail.
        let _ = write!(line, " {}={}", one_line(name), one_line(&value));
    }
    line
}

/// Whether a text starts with its own level, as a rendered diagnostic does, with colours or without.
pub fn has_level_prefix(text: &str) -> bool {
    let plain = anstream::adapter::strip_str(text.lines().next().unwrap_or_default()).to_string();
    // Rustc adds a code: `error[E0308]: `.
    let level = plain.split([':', '[']).next().unwrap_or_default();
    plain.contains(": ") && matches!(level, "error" | "warning")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plugin_text_forges_no_line_and_controls_no_terminal() {
        let fields = Fields {
            message: "not found: /\nerror: \u{1b}[2Jall is lost\r".to_owned(),
            handler: Some("app".to_owned()),
            others: Map::from_iter([("path".to_owned(), "a\nb".into())]),
            of_plugin: true,
            ..Fields::default()
        };
        assert_eq!(
            text(Level::INFO, &fields, false),
            r"app: not found: /\nerror: \u{1b}[2Jall is lost\r path=a\nb"
        );
    }

    proptest! {
        /// Whatever goes in, a line of a plugin is one line without control bytes, in both formats.
        #[test]
        fn line_of_plugin_is_one_line(
            message in any::<String>(),
            odd in "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}-\u{202e}]*",
            name in any::<String>(),
            value in any::<String>(),
            color in any::<bool>(),
        ) {
            let fields = Fields {
                message: message + &odd,
                handler: Some("app".to_owned()),
                others: Map::from_iter([(name, (odd + &value).into())]),
                of_plugin: true,
                ..Fields::default()
            };
            let line = text(Level::ERROR, &fields, color);
            let own = ["\u{1b}[1;31m", "\u{1b}[36m", "\u{1b}[0m"];
            let line = own.iter().fold(line, |line, style| line.replace(style, ""));
            prop_assert!(!line.contains(char::is_control), "{:?}", line);
            let reorders = line.contains('\u{202e}');
            prop_assert!(!reorders);
            let line = json(Level::ERROR, fields);
            prop_assert!(!line.contains(char::is_control), "{:?}", line);
            prop_assert!(serde_json::from_str::<Value>(&line).is_ok());
        }

        /// The host's own message may have several lines, and colours where they are wanted; nothing else.
        #[test]
        fn host_message_controls_no_terminal(message in "[a-z\u{0}-\u{1f}\u{7f}-\u{9f}\u{202e}m\\[0-9]*") {
            let fields = Fields { message, ..Fields::default() };
            let line = text(Level::INFO, &fields, false);
            prop_assert!(!line.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')));
            prop_assert!(!json(Level::INFO, fields).contains(char::is_control));
        }
    }

    #[test]
    fn host_message_about_handler_has_no_fields() {
        let mut fields = Fields {
            message: "K13: a header".to_owned(),
            handler: Some("app".to_owned()),
            others: Map::from_iter([("event".to_owned(), "lint".into())]),
            of_plugin: false,
            ..Fields::default()
        };
        let said = text(Level::WARN, &fields, false);
        assert_eq!(said, "warning: app: K13: a header");
        fields.handler = Some(String::new());
        let said = text(Level::WARN, &fields, false);
        assert_eq!(said, "warning: K13: a header", "nobody's fault");
    }
}
