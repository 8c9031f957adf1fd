//! A loaded library's handlers, and their instances.

use std::fmt;

use super::context::{HandlerContext, Station};
use super::failure::Failure;
use super::request::HostRequest;
use super::table::host_table;
use crate::abi::future::RawFuture;
use crate::abi::root::{HandlerKind, HandlerTableRef, PluginRootRef};
use crate::abi::slice::RawSlice;
use crate::abi::tables::RawNext;

/// A checked library that knows its host.
#[derive(Clone, Copy)]
pub struct Attached(PluginRootRef);

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attached")
            .field(&self.handlers().collect::<Vec<_>>())
            .finish()
    }
}

impl Attached {
    /// Lends the host's functions to a library whose layout was checked. Once per library.
    pub fn new(root: PluginRootRef) -> Self {
        // SAFETY: the table's layout was checked with the root's.
        unsafe { root.attach()(host_table()) };
        Self(root)
    }

    /// The handlers that it exports.
    pub fn handlers(&self) -> impl Iterator<Item = (HandlerKind, &'static str)> {
        self.0
            .handlers()
            .as_slice()
            .iter()
            .map(|entry| (entry.kind, entry.name.str()))
    }

    fn table(&self, name: &str) -> Option<HandlerTableRef> {
        let handlers = self.0.handlers().as_slice();
        handlers
            .iter()
            .find(|entry| entry.name.str() == name)
            .map(|entry| entry.table)
    }

    /// The JSON Schema of a handler's config.
    pub fn schema(&self, handler: &str) -> Option<String> {
        // SAFETY: a checked table.
        self.table(handler)
            .map(|table| unsafe { table.schema()() }.into_string())
    }

    /// Builds an instance of the handler from its config, a JSON object.
    ///
    /// # Errors
    ///
    /// What `init` returned or panicked with; none if there is no such handler.
    pub fn init(
        &self,
        handler: &str,
        config: &str,
        context: HandlerContext,
    ) -> Option<Result<Handler, Failure>> {
        Some(Handler::init(self.table(handler)?, config, context))
    }
}

/// An instance of a handler; its drop runs the plugin's.
pub struct Handler {
    table: HandlerTableRef,
    instance: *mut (),
    station: &'static Station,
}

// SAFETY: plugin-api makes instances from `Send + Sync` types only.
unsafe impl Send for Handler {}
// SAFETY: as above.
unsafe impl Sync for Handler {}

impl Handler {
    /// Builds an instance from its config, a JSON object.
    ///
    /// # Errors
    ///
    /// What `init` returned or panicked with.
    pub(crate) fn init(
        table: HandlerTableRef,
        config: &str,
        context: HandlerContext,
    ) -> Result<Self, Failure> {
        let station = Station::keep(context);
        // SAFETY: a checked table.
        let init = unsafe { table.init()(RawSlice::text(config), station.as_object()) };
        if init.instance.is_null() {
            // SAFETY: with a null instance there is an error, now ours.
            return Err(unsafe { Failure::from_object(init.error) });
        }
        Ok(Self {
            table,
            instance: init.instance,
            station,
        })
    }

    /// Its context.
    pub fn context(&self) -> &'static HandlerContext {
        &self.station.context
    }

    /// Whether a request may be given to it.
    #[inline]
    pub(super) fn may_try(&self) -> bool {
        let Station { context, guard, .. } = self.station;
        !guard.is_on() || context.incidents.may_try(guard)
    }

    pub(super) fn start(&self, request: HostRequest, next: RawNext) -> RawFuture {
        // SAFETY: a checked table and its instance, which outlives the call's future.
        unsafe { self.table.call()(self.instance, request.into_object(), next) }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // SAFETY: made by this table's `init`, dropped once, no call is in flight.
        let error = unsafe { self.table.drop()(self.instance) };
        if !error.is_null() {
            // SAFETY: the error is ours now.
            let failure = unsafe { Failure::from_object(error) };
            super::services::report(&self.station.context.handler, &format!("drop {failure}"));
        }
    }
}
