//! The log and the clock, which the host process provides to every plugin.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use abi_stable::std_types::RString;
use http::StatusCode;

use super::context;
use super::fetch::{FetchFailure, FetchPhase, FetchRequest, Fetching};
use super::guest::{GuestFailure, GuestRequest, HostGuest};
use super::store::{StoreAnswer, StoreFailure, StoreFailureKind, StoreNamespace, StoreRequest};
use crate::abi::future::RawFuture;
use crate::abi::plugin::future;
use crate::abi::slice::RawSlice;
use crate::abi::tables::LogRecord;

/// A log line of a plugin.
pub struct PluginLog<'a> {
    /// 1 error … 5 trace.
    pub level: u8,
    /// The running handler, or the plugin if there is none.
    pub handler: &'a str,
    pub target: &'a str,
    pub message: &'a str,
    pub fields: Vec<(&'a str, &'a str)>,
}

/// Whose records of a level and target are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogInterest {
    Never,
    /// Some handlers'.
    Sometimes,
    Always,
}

/// The log and the clock.
pub trait Services: Send + Sync {
    /// Writes a line.
    fn log(&self, line: &PluginLog<'_>);
    /// The most verbose level to log: 0 none … 5 trace.
    fn log_level(&self) -> u8;
    /// Whose records of this level and target are logged.
    fn log_interest(&self, level: u8, _target: &str) -> LogInterest {
        match level <= self.log_level() {
            true => LogInterest::Always,
            false => LogInterest::Never,
        }
    }
    /// Whether such a record of this handler is logged.
    fn log_wants(&self, level: u8, _target: &str, _handler: &str) -> bool {
        level <= self.log_level()
    }
    /// Completes after `duration`; may be polled on any thread.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
    /// Sends a request to another server. May be called and polled on any thread.
    fn fetch(&self, request: FetchRequest) -> Fetching;
    /// Starts a guest, or takes over one that runs, and waits until it is ready. May block.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn guest(&self, _request: GuestRequest) -> Result<Arc<dyn HostGuest>, GuestFailure> {
        Err(no_guests())
    }
    /// All figures of the process as text, in OpenMetrics 1.0 or in Prometheus' format. May block for milliseconds.
    fn metrics_text(&self, _is_open_metrics: bool) -> String {
        String::new()
    }
    /// Opens a namespace of the store. It may outlive every generation.
    fn store(&self, namespace: &str) -> Arc<dyn StoreNamespace>;
}

static SERVICES: OnceLock<Box<dyn Services>> = OnceLock::new();

/// Sets the services of this process. Later calls have no effect.
pub fn install(services: Box<dyn Services>) {
    let _ = SERVICES.set(services);
}

pub(super) unsafe extern "C" fn log(record: &LogRecord<'_>) {
    let Some(services) = SERVICES.get() else {
        return;
    };
    let fields: &[crate::abi::tables::Field<'_>] = match record.field_count {
        0 => &[],
        // SAFETY: the plugin lends `field_count` fields during the call.
        count => unsafe { std::slice::from_raw_parts(record.fields, count) },
    };
    let current = context::current();
    services.log(&PluginLog {
        level: record.level,
        handler: current.unwrap_or(record.plugin.str()),
        target: record.target.str(),
        message: record.message.str(),
        fields: fields
            .iter()
            .map(|field| (field.name.str(), field.value.str()))
            .collect(),
    });
}

pub(super) unsafe extern "C" fn log_level() -> u8 {
    SERVICES.get().map_or(0, |services| services.log_level())
}

pub(super) unsafe extern "C" fn log_interest(level: u8, target: RawSlice<'_>) -> u8 {
    let interest = SERVICES
        .get()
        .map(|services| services.log_interest(level, target.str()));
    match interest {
        None | Some(LogInterest::Never) => 0,
        Some(LogInterest::Sometimes) => 1,
        Some(LogInterest::Always) => 2,
    }
}

pub(super) unsafe extern "C" fn log_wants(
    level: u8,
    target: RawSlice<'_>,
    plugin: RawSlice<'_>,
) -> bool {
    let handler = context::current().unwrap_or(plugin.str());
    let services = SERVICES.get();
    services.is_some_and(|services| services.log_wants(level, target.str(), handler))
}

pub(super) unsafe extern "C" fn sleep(nanoseconds: u64) -> RawFuture {
    let duration = Duration::from_nanos(nanoseconds);
    match SERVICES.get() {
        Some(services) => future::unit(services.sleep(duration)),
        None => future::unit(std::future::pending()),
    }
}

pub(super) unsafe extern "C" fn metrics_text(is_open_metrics: bool) -> RString {
    let services = SERVICES.get();
    let text = services.map(|services| services.metrics_text(is_open_metrics));
    text.unwrap_or_default().into()
}

/// Sends a request to another server.
pub(super) fn fetch(request: FetchRequest) -> Fetching {
    match SERVICES.get() {
        Some(services) => services.fetch(request),
        None => Box::pin(std::future::ready(Err(FetchFailure {
            phase: FetchPhase::Unsupported,
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "this process sends no requests".to_owned(),
        }))),
    }
}

/// Starts a guest, or takes over one that runs.
pub(super) fn guest(request: GuestRequest) -> Result<Arc<dyn HostGuest>, GuestFailure> {
    match SERVICES.get() {
        Some(services) => services.guest(request),
        None => Err(no_guests()),
    }
}

fn no_guests() -> GuestFailure {
    GuestFailure {
        option: String::new(),
        message: "this process runs no guests".to_owned(),
    }
}

/// Opens a namespace of the store.
pub(super) fn store(namespace: &str) -> Arc<dyn StoreNamespace> {
    match SERVICES.get() {
        Some(services) => services.store(namespace),
        None => Arc::new(NoStore),
    }
}

/// The store of a process that has no services.
struct NoStore;

impl StoreNamespace for NoStore {
    fn call(&self, _request: StoreRequest<'_>) -> StoreAnswer {
        StoreAnswer::Ready(Err(StoreFailure {
            kind: StoreFailureKind::Unavailable,
            message: "this process has no store".to_owned(),
        }))
    }
}

/// Logs an error for a handler that is being dropped.
pub(super) fn report(handler: &str, message: &str) {
    if let Some(services) = SERVICES.get() {
        services.log(&PluginLog {
            level: 1,
            handler,
            target: "stackup",
            message,
            fields: Vec::new(),
        });
    }
}
