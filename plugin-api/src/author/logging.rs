//! Sends the `tracing` and `log` records of a plugin to the host's log.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::abi::plugin::log::{LogInterest, interest, max_level, wants, write};

/// Whether the logger of `log` is ours.
static LOGS: AtomicBool = AtomicBool::new(false);

/// Makes the host's log the default subscriber of this library's copies of `tracing` and `log`.
pub(crate) fn install() {
    let subscriber = tracing_subscriber::registry().with(Bridge);
    // Fails only if the plugin has set its own, which it may.
    let _ = tracing::subscriber::set_global_default(subscriber);
    LOGS.store(log::set_logger(&LogBridge).is_ok(), Ordering::Relaxed);
    limit_log();
}

/// The host logs other records from now on: drops what is remembered of the records here.
pub(crate) fn refresh() {
    tracing::callsite::rebuild_interest_cache();
    limit_log();
}

/// The level above which `log` drops records without a call.
fn limit_log() {
    if LOGS.load(Ordering::Relaxed) {
        let levels = log::LevelFilter::iter();
        let most = levels.take(usize::from(max_level()) + 1).last();
        log::set_max_level(most.unwrap_or(log::LevelFilter::Off));
    }
}

struct Bridge;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Bridge {
    /// Asked once for each place that logs, and again after [`refresh`].
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match interest(number(*metadata.level()), metadata.target()) {
            LogInterest::Never => Interest::never(),
            LogInterest::Sometimes => Interest::sometimes(),
            LogInterest::Always => Interest::always(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _cx: Context<'_, S>) -> bool {
        wants(number(*metadata.level()), metadata.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match max_level() {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let spans = cx.event_scope(event).into_iter().flatten();
        for span in spans {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.pairs.extend(outer.pairs.iter().cloned());
            }
        }
        let metadata = event.metadata();
        write(
            number(*metadata.level()),
            metadata.target(),
            &fields.message,
            &fields.pairs,
        );
    }
}

fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    pairs: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.pairs.push((name, format!("{value:?}"))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.pairs.push((name, value.to_owned())),
        }
    }
}

struct LogBridge;

impl log::Log for LogBridge {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        wants(metadata.level() as u8, metadata.target())
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            write(
                record.level() as u8,
                record.target(),
                &record.args().to_string(),
                &[],
            );
        }
    }

    fn flush(&self) {}
}
