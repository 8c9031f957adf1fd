//! What outlives the request's handle: the hooks that run when the response has ended.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, StatusCode};

use super::failure::Failure;
use super::threads::polling;
use crate::abi::tables::{RawFinish, RawHook};

/// One request and its response, from the first byte to the last.
#[derive(Default)]
pub struct Exchange {
    hooks: Mutex<Vec<Hook>>,
    generation: u64,
    /// What the host notes of it on its way.
    witness: Option<Arc<dyn Any + Send + Sync>>,
}

/// How a response ended.
pub struct Finish<'a> {
    /// Status and headers, where a response was made.
    pub head: Option<(StatusCode, &'a HeaderMap)>,
    pub error: Option<&'a Failure>,
    /// Bytes of the body that were handed to the connection.
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

    /// The same, with something of the host's that goes with it through the stack.
    #[must_use]
    pub fn witnessed_by(self, witness: Arc<dyn Any + Send + Sync>) -> Self {
        let witness = Some(witness);
        Self { witness, ..self }
    }

    /// What goes with it, if that is a `T`.
    pub fn witness<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(self.witness.as_ref()?).downcast().ok()
    }

    /// The number of the generation that serves this request.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a handler waits for the end.
    pub fn has_hooks(&self) -> bool {
        self.hooks.lock().is_ok_and(|hooks| !hooks.is_empty())
    }

    pub(super) fn add(&self, raw: RawHook) {
        let hook = Hook(Some(raw));
        if let Ok(mut hooks) = self.hooks.lock() {
            hooks.push(hook);
        }
    }

    /// Runs the hooks, the last added first (Rack's `rack.response_finished`).
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
            polling(self.generation, || {
                // SAFETY: called once; the pointers live for the call; the plugin contains panics.
                unsafe { (raw.call)(raw.data, view) }
            });
        }
    }
}
