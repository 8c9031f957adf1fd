//! The log: one line per event on stderr, as text or JSON.

use std::fmt::{self, Write as _};
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use log_text::{one_line, printable, styled};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stackup_plugin::abi::host::PluginLog;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::log_output::LogOutput;

/// The format and level of the log.
#[derive(Debug, Clone, Copy)]
pub struct LogSettings {
    /// Text or JSON.
    pub format: LogFormat,
    /// The most verbose level that is written.
    pub level: LevelFilter,
    /// Whether text has colours.
    pub color: bool,
}

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

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

type LogListener = Box<dyn Fn(LogLine) + Send + Sync>;

/// The subscriber.
static LISTENER: OnceLock<LogListener> = OnceLock::new();

/// Calls `listener` with each line from now on. A process has one: later calls have no effect.
pub fn subscribe_log(listener: impl Fn(LogLine) + Send + Sync + 'static) {
    // A program that embeds the host may have set one.
    let _ = LISTENER.set(Box::new(listener));
}

/// The target of plugins' events.
const PLUGIN: &str = "plugin";

/// The field with a plugin's own fields, as JSON.
const PLUGIN_FIELDS: &str = "plugin_fields";

/// Starts the log of this process.
pub fn start(settings: LogSettings) {
    open_output(settings);
    let subscriber =
        tracing_subscriber::registry().with(Lines { settings }.with_filter(settings.level));
    // Fails only if a program that embeds the host has set its own log.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Whether stderr gets colours: it is a terminal and `NO_COLOR` is not set (no-color.org).
pub fn color_wanted() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && std::io::stderr().is_terminal()
}

/// Numbered as in `tracing` and `log`.
const LEVELS: [LevelFilter; 6] = [
    LevelFilter::OFF,
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];

/// The level of a number: 0 none, 1 error … 5 trace.
pub fn level_from_number(number: u8) -> LevelFilter {
    let level = LEVELS.get(usize::from(number));
    level.copied().unwrap_or(LevelFilter::TRACE)
}

/// The number of a level.
pub fn number_from_level(level: LevelFilter) -> u8 {
    (0..)
        .zip(LEVELS)
        .find_map(|(number, known)| (known == level).then_some(number))
        .unwrap_or(0)
}

/// The most verbose level that is written.
pub(super) fn max_level() -> u8 {
    number_from_level(LevelFilter::current())
}

pub(super) fn write_plugin_line(line: &PluginLog<'_>) {
    let PluginLog {
        handler, message, ..
    } = line;
    let fields: Map<String, Value> = line
        .fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    let fields = if fields.is_empty() {
        String::new()
    } else {
        Value::Object(fields).to_string()
    };
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: PLUGIN,
                Level::$level,
                handler,
                plugin_fields = fields.as_str(),
                "{message}"
            )
        };
    }
    match line.level {
        1 => event!(ERROR),
        2 => event!(WARN),
        3 => event!(INFO),
        4 => event!(DEBUG),
        _ => event!(TRACE),
    }
}

/// Whether a text starts with its own level, as a rendered diagnostic does, with colours or without.
pub fn has_level_prefix(text: &str) -> bool {
    let plain = anstream::adapter::strip_str(text.lines().next().unwrap_or_default()).to_string();
    // Rustc adds a code: `error[E0308]: `.
    let level = plain.split([':', '[']).next().unwrap_or_default();
    plain.contains(": ") && matches!(level, "error" | "warning")
}

/// Where the log of this process is written.
static OUTPUT: OnceLock<LogOutput> = OnceLock::new();

fn open_output(settings: LogSettings) -> &'static LogOutput {
    let report = move |lines| dropped(lines, settings);
    OUTPUT.get_or_init(|| LogOutput::stderr(Box::new(report)))
}

/// Writes text to stderr without waiting for its reader, in order with the log.
pub fn write_to_stderr(text: &[u8]) {
    let plain = LogSettings {
        format: LogFormat::Text,
        level: LevelFilter::INFO,
        color: false,
    };
    let output = OUTPUT.get().unwrap_or_else(|| open_output(plain));
    output.write(text);
}

/// Waits until the log is written, for a short while if nobody reads stderr. Call it before the process ends.
pub fn flush_log() {
    if let Some(output) = OUTPUT.get() {
        output.flush(FLUSH);
    }
}

/// How long the end of a process may wait for the reader of stderr.
const FLUSH: Duration = Duration::from_secs(1);

/// The line that reports dropped lines.
fn dropped(lines: u64, settings: LogSettings) -> String {
    let fields = Fields {
        message: format!("{lines} lines of the log were dropped: stderr was not read"),
        others: Map::from_iter([
            ("event".to_owned(), "log-dropped".into()),
            ("dropped".to_owned(), lines.into()),
        ]),
        ..Fields::default()
    };
    let line = match settings.format {
        LogFormat::Json => json(Level::WARN, fields),
        LogFormat::Text => text(Level::WARN, &fields, settings.color),
    };
    line + "\n"
}

struct Lines {
    settings: LogSettings,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _cx: Context<'_, S>) {
        let mut fields = Fields {
            of_plugin: event.metadata().target() == PLUGIN,
            ..Fields::default()
        };
        event.record(&mut fields);
        let level = *event.metadata().level();
        if let Some(listener) = LISTENER.get() {
            listener(fields.line(level));
        }
        let color = self.settings.color && self.settings.format == LogFormat::Text;
        if !color && fields.handler.is_none() {
            fields.strip_colors();
        }
        let mut line = match self.settings.format {
            LogFormat::Json => json(level, fields),
            LogFormat::Text => text(level, &fields, color),
        };
        line.push('\n');
        write_to_stderr(line.as_bytes());
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    handler: Option<String>,
    others: Map<String, Value>,
    /// Whether the plugin has logged it, not the host.
    of_plugin: bool,
}

impl Fields {
    /// Removes colours from the host's own text, which may quote the compiler.
    fn strip_colors(&mut self) {
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
    fn line(&self, level: Level) -> LogLine {
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

fn json(level: Level, fields: Fields) -> String {
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
    object.insert("message".to_owned(), fields.message.into());
    object.extend(fields.others);
    log_text::json(&Value::Object(object).to_string()).into_owned()
}

/// The message, after the level unless that is info. The host's own messages contain what people need of their fields;
/// a plugin's may not, so its fields follow.
fn text(level: Level, fields: &Fields, color: bool) -> String {
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
        };
        let said = text(Level::WARN, &fields, false);
        assert_eq!(said, "warning: app: K13: a header");
        fields.handler = Some(String::new());
        let said = text(Level::WARN, &fields, false);
        assert_eq!(said, "warning: K13: a header", "nobody's fault");
    }
}
