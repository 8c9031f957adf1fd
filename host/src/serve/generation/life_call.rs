//! A call to a handler about its life, on a thread of its own: it may block, and it may never return.

use std::sync::Arc;
use std::thread;

use stackup_plugin::abi::host::{Failure, Handler};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::instance::Instance;
use crate::load::library::Library;
use crate::services::own_threads;

/// What a call needs. It does not keep the instance from retiring, only its handler from being dropped.
pub(super) struct Callee {
    name: String,
    handler: Arc<Handler>,
    library: Arc<Library>,
}

impl Callee {
    pub(super) fn of(instance: &Instance) -> Self {
        Self {
            name: instance.key.name.clone(),
            handler: Arc::clone(&instance.handler),
            library: Arc::clone(&instance.library),
        }
    }
}

/// Runs `call`, which `what` names, until `deadline`; a later result is dropped. A failure is logged, and has no other effect.
pub(super) async fn life_call<R: Send + 'static>(
    callee: Callee,
    what: &'static str,
    deadline: Instant,
    call: impl FnOnce(&Handler) -> Result<R, Failure> + Send + 'static,
) -> Option<R> {
    let Callee {
        name,
        handler: called,
        library,
    } = callee;
    let handler = name.as_str();
    let (done, result) = oneshot::channel();
    let started = thread::Builder::new()
        .name(format!("stackup-{what}"))
        .spawn(move || {
            own_threads::enter();
            let output = call(&called);
            // Before the result: who gets it may release the instance, and then its library has to be unused. These are the last
            // ones only where nobody waits any more; their drop may block here.
            drop(called);
            drop(library);
            let _ = done.send(output);
            own_threads::leave();
        });
    if let Err(error) = started {
        tracing::error!(
            event = "life-failed",
            handler,
            what,
            "no thread for `{what}` of `{handler}`: {error}"
        );
        return None;
    }
    match timeout_at(deadline, result).await {
        Ok(Ok(Ok(output))) => Some(output),
        Ok(Ok(Err(failure))) => {
            tracing::error!(
                event = "life-failed",
                handler,
                what,
                "`{what}` of `{handler}` failed: {failure}"
            );
            None
        }
        Ok(Err(_)) => {
            tracing::error!(
                event = "life-failed",
                handler,
                what,
                "`{what}` of `{handler}` ended its thread"
            );
            None
        }
        Err(_) => {
            tracing::error!(
                event = "life-failed",
                handler,
                what,
                "`{what}` of `{handler}` has not returned within `[limits] warmup_timeout`: stackup does not wait for it"
            );
            None
        }
    }
}
