//! The log and the clock, which the host process provides to every plugin.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::context;
use super::store::{StoreAnswer, StoreFailure, StoreFailureKind, StoreNamespace, StoreRequest};
use crate::abi::future::RawFuture;
use crate::abi::plugin::future;
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

/// The log and the clock.
pub trait Services: Send + Sync {
    /// Writes a line.
    fn log(&self, line: &PluginLog<'_>);
    /// The most verbose level to log: 0 none … 5 trace.
    fn log_level(&self) -> u8;
    /// Completes after `duration`; may be polled on any thread.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
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

pub(super) unsafe extern "C" fn sleep(nanoseconds: u64) -> RawFuture {
    let duration = Duration::from_nanos(nanoseconds);
    match SERVICES.get() {
        Some(services) => future::unit(services.sleep(duration)),
        None => future::unit(std::future::pending()),
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
