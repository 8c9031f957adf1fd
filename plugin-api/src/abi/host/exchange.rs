//! State that outlives the request handle: the hooks that run when the response ends.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, StatusCode};

use super::draining::DrainSourceId;
use super::failure::Failure;
use super::informer::ClientRequest;
use super::level::RequestLevel;
use super::threads::record_poll;
use crate::abi::tables::{RawFinish, RawHook};

/// One request and its response, from the first byte to the last.
#[derive(Default)]
pub struct Exchange {
    hooks: Mutex<Vec<Hook>>,
    generation: u64,
    level: RequestLevel,
    /// None if no generation knows of the request.
    drain_source: Option<DrainSourceId>,
    /// None if there is no client that can get interim responses.
    client: Option<ClientRequest>,
    /// The host's own data about this exchange.
    extension: Option<Arc<dyn Any + Send + Sync>>,
}

/// How a response ended.
pub struct Finish<'a> {
    /// Status and headers, if there was a response.
    pub head: Option<(StatusCode, &'a HeaderMap)>,
    pub error: Option<&'a Failure>,
    /// Bytes of the body written to the connection.
    pub body_bytes: u64,
}

struct Hook(Option<RawHook>);

// SAFETY: plugin-api makes hooks from `Send` closures only.
unsafe impl Send for Hook {}

impl Drop for Hook {
    fn drop(&mut self) {
        if let Some(raw) = self.0.take() {
            // SAFETY: neither called nor dropped before.
            unsafe { (raw.drop)(raw.data) }
        }
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl Exchange {
    /// An exchange served by the generation of this number.
    pub fn new(generation: u64) -> Self {
        Self {
            generation,
            ..Self::default()
        }
    }

    /// Names what tells the request that it has a deadline.
    #[must_use]
    pub fn drained_by(self, source: DrainSourceId) -> Self {
        let drain_source = Some(source);
        Self {
            drain_source,
            ..self
        }
    }

    /// Names the client's request, which may get interim responses.
    #[must_use]
    pub fn informs(self, client: Option<ClientRequest>) -> Self {
        Self { client, ..self }
    }

    pub(super) fn client(&self) -> Option<ClientRequest> {
        self.client
    }

    pub(super) fn drain_source(&self) -> Option<DrainSourceId> {
        self.drain_source
    }

    /// Attaches data of the host's that travels through the stack with the request.
    #[must_use]
    pub fn with_extension(self, extension: Arc<dyn Any + Send + Sync>) -> Self {
        let extension = Some(extension);
        Self { extension, ..self }
    }

    /// The attached data, if it is a `T`.
    pub fn extension<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(self.extension.as_ref()?).downcast().ok()
    }

    /// The number of the generation that serves this request.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The level of its stack that it was sent to; none if it went to several.
    pub fn level(&self) -> Option<u32> {
        self.level.get()
    }

    /// It goes from level `from` to level `to` of its stack.
    #[inline]
    pub(super) fn enter_level(&self, from: u32, to: u32) {
        self.level.enter(from, to);
    }

    /// Two requests have it from now on.
    pub(super) fn forked(&self) {
        self.level.forked();
    }

    /// Whether a handler registered a hook.
    pub fn has_hooks(&self) -> bool {
        self.hooks.lock().is_ok_and(|hooks| !hooks.is_empty())
    }

    pub(super) fn add(&self, raw: RawHook) {
        let hook = Hook(Some(raw));
        if let Ok(mut hooks) = self.hooks.lock() {
            hooks.push(hook);
        }
    }

    /// Runs the hooks in reverse order of registration (Rack's `rack.response_finished`).
    pub fn finish(&self, finish: &Finish<'_>) {
        let Ok(hooks) = self
            .hooks
            .lock()
            .map(|mut hooks| std::mem::take(&mut *hooks))
        else {
            return;
        };
        for mut hook in hooks.into_iter().rev() {
            let Some(raw) = hook.0.take() else { continue };
            let view = RawFinish {
                status: finish.head.map_or(0, |(status, _)| status.as_u16()),
                headers: finish
                    .head
                    .map_or(std::ptr::null(), |(_, map)| std::ptr::from_ref(map).cast()),
                error: finish
                    .error
                    .map_or(std::ptr::null(), |error| std::ptr::from_ref(error).cast()),
                body_bytes: finish.body_bytes,
                lifetime: PhantomData,
            };
            record_poll(self.generation, || {
                // SAFETY: called once; the pointers live for the call; the plugin contains its panics.
                unsafe { (raw.call)(raw.data, view) }
            });
        }
    }
}
