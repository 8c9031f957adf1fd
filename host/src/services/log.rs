//! The log: one line per event on stderr, as text or JSON.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stackup_plugin::abi::host::PluginLog;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::log_level::{Filtered, set_default};
use super::log_line::{Fields, LogLine, json, text};
use super::log_output::LogOutput;
use super::replaying;

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
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
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
pub(super) const PLUGIN: &str = "plugin";

/// Starts the log of this process.
pub fn start(settings: LogSettings) {
    open_output(settings);
    set_default(settings.level);
    let subscriber = tracing_subscriber::registry().with(Lines { settings }.with_filter(Filtered));
    // Fails only if a program that embeds the host has set its own log.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Whether stderr gets colours: it is a terminal and `NO_COLOR` is not set (no-color.org).
pub fn color_wanted() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && std::io::stderr().is_terminal()
}

/// Writes a line that a guest has written to stdout or stderr, under its name.
pub fn write_guest_line(guest: &str, line: &str) {
    write_plugin_line(&PluginLog {
        level: 3,
        handler: guest,
        target: "guest",
        message: line,
        fields: Vec::new(),
    });
}

/// Whether this process shows the log elsewhere, too, and wants the lines of guests for that.
pub(super) fn has_log_listener() -> bool {
    LISTENER.get().is_some()
}

/// Shows a line of a guest to the listener of the log. The supervisor has written it.
pub(super) fn show_guest_line(guest: &str, line: String) {
    if let Some(listener) = LISTENER.get() {
        let fields = Fields {
            message: line,
            handler: Some(guest.to_owned()),
            of_plugin: true,
            ..Fields::default()
        };
        listener(fields.line(Level::INFO));
    }
}

pub(super) fn write_plugin_line(line: &PluginLog<'_>) {
    if replaying::is_here() && !tracing::enabled!(Level::DEBUG) {
        return;
    }
    let PluginLog {
        handler,
        target,
        message,
        ..
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
                plugin_target = target,
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
