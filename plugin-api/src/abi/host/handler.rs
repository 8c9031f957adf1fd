//! The handlers of a loaded library, and their instances.

use std::fmt;

use http::StatusCode;

use super::context::{HandlerContext, LeakedContext};
use super::failure::Failure;
use super::request::HostRequest;
use super::table::host_table;
use crate::abi::future::RawFuture;
use crate::abi::root::{HandlerKind, HandlerTableRef, PluginRootRef};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ErrorObject, RawErrorKind, RawNext};

/// A checked library that has the host's function table.
#[derive(Clone, Copy)]
pub struct AttachedPlugin(PluginRootRef);

impl fmt::Debug for AttachedPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AttachedPlugin")
            .field(&self.handlers().collect::<Vec<_>>())
            .finish()
    }
}

impl AttachedPlugin {
    /// Gives the host's function table to a library whose layout was checked. Call it once per library.
    pub fn new(root: PluginRootRef) -> Self {
        // SAFETY: the table's layout was checked with the root's.
        unsafe { root.attach()(host_table()) };
        Self(root)
    }

    /// Has it ask again what is logged.
    pub fn log_changed(&self) {
        if let Some(log_changed) = self.0.log_changed() {
            // SAFETY: a checked table.
            unsafe { log_changed() };
        }
    }

    /// The handlers it exports.
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
    /// The error or panic of `init`. `None` if there is no such handler.
    pub fn init(
        &self,
        handler: &str,
        config: &str,
        context: HandlerContext,
    ) -> Option<Result<Handler, Failure>> {
        Some(Handler::init(self.table(handler)?, config, context))
    }
}

/// An instance of a handler. Dropping it drops the plugin's value.
pub struct Handler {
    table: HandlerTableRef,
    instance: *mut (),
    leaked: &'static LeakedContext,
}

// SAFETY: plugin-api makes instances from `Send + Sync` types only.
unsafe impl Send for Handler {}
// SAFETY: as above.
unsafe impl Sync for Handler {}

impl Handler {
    /// Whether the files of one of its guests have changed since it was started.
    pub fn has_outdated_guest(&self) -> bool {
        self.leaked.context.life.has_outdated_guest()
    }

    /// Waits until its guests are ready. Blocks.
    ///
    /// # Errors
    ///
    /// Why one of them does not start.
    pub fn wait_for_guests(&self) -> Result<(), Failure> {
        let waited = self.leaked.context.life.wait_for_guests();
        waited.map_err(|why| Failure {
            kind: RawErrorKind::Handler,
            ..Failure::body(StatusCode::INTERNAL_SERVER_ERROR, why)
        })
    }

    /// Builds an instance from its config, a JSON object.
    ///
    /// # Errors
    ///
    /// The error or panic of `init`.
    pub(crate) fn init(
        table: HandlerTableRef,
        config: &str,
        context: HandlerContext,
    ) -> Result<Self, Failure> {
        let leaked = LeakedContext::leak(context);
        // SAFETY: a checked table.
        let init = unsafe { table.init()(RawSlice::text(config), leaked.as_object()) };
        if init.instance.is_null() {
            // SAFETY: with a null instance there is an error, now ours.
            return Err(unsafe { Failure::from_object(init.error) });
        }
        Ok(Self {
            table,
            instance: init.instance,
            leaked,
        })
    }

    /// Its context.
    pub fn context(&self) -> &'static HandlerContext {
        &self.leaked.context
    }

    /// Whether it gets this request.
    #[inline]
    pub(super) fn allows_request(&self) -> bool {
        let LeakedContext {
            context, breaker, ..
        } = self.leaked;
        !breaker.is_set() || context.failures.allows_request(breaker)
    }

    /// Its generation is active. Blocks for as long as the handler does.
    ///
    /// # Errors
    ///
    /// The error or panic of `serving`.
    pub fn serving(&self) -> Result<(), Failure> {
        let Some(serving) = self.table.serving() else {
            return Ok(());
        };
        // SAFETY: a checked table and its instance.
        failed(unsafe { serving(self.instance) })
    }

    /// What it gives to the instance that replaces it. Blocks for as long as the handler does.
    ///
    /// # Errors
    ///
    /// The panic of `hand_over`.
    pub fn hand_over(&self) -> Result<Option<Vec<u8>>, Failure> {
        let Some(hand_over) = self.table.hand_over() else {
            return Ok(None);
        };
        // SAFETY: a checked table and its instance.
        let given = unsafe { hand_over(self.instance) };
        failed(given.error)?;
        // Copied: the plugin's memory is the plugin's.
        Ok(given.state.into_option().map(|state| state.to_vec()))
    }

    /// Gets what the instance before it gave. Blocks for as long as the handler does.
    ///
    /// # Errors
    ///
    /// The error or panic of `inherit`.
    pub fn inherit(&self, state: &[u8]) -> Result<(), Failure> {
        let Some(inherit) = self.table.inherit() else {
            return Ok(());
        };
        // SAFETY: a checked table and its instance; the state is lent for the call.
        failed(unsafe { inherit(self.instance, RawSlice::new(state)) })
    }

    pub(super) fn start(&self, request: HostRequest, next: RawNext) -> RawFuture {
        // SAFETY: a checked table and its instance, which outlives the call's future.
        unsafe { self.table.call()(self.instance, request.into_object(), next) }
    }
}

/// An error that a plugin hands over; null for none.
fn failed(error: *mut ErrorObject) -> Result<(), Failure> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the error is ours now.
    Err(unsafe { Failure::from_object(error) })
}

impl Drop for Handler {
    fn drop(&mut self) {
        // SAFETY: made by this table's `init`, dropped once, no call is in flight.
        let error = unsafe { self.table.drop()(self.instance) };
        if let Err(failure) = failed(error) {
            super::services::report(&self.leaked.context.handler, &format!("drop {failure}"));
        }
    }
}
