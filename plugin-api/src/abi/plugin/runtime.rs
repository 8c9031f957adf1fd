//! The tokio runtime of a plugin. Without the feature `tokio` it does nothing.

#[cfg(feature = "tokio")]
mod imp {
    use std::sync::{Arc, Mutex, PoisonError, Weak};

    use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

    use super::super::entry::plugin_name;
    use crate::Error;

    /// A share in the plugin's runtime, if its handlers have one.
    pub(crate) struct OwnRuntime(Option<Arc<SharedRuntime>>);

    /// The runtime of all handlers of this library. The last of them ends it.
    struct SharedRuntime(Option<Runtime>);

    /// Each library has its own static: other code of the same plugin has another runtime.
    static SHARED: Mutex<Weak<SharedRuntime>> = Mutex::new(Weak::new());

    impl OwnRuntime {
        /// A share in the plugin's runtime if one is `wanted`. The first handler starts it, with one thread.
        pub(crate) fn start(wanted: bool) -> Result<Self, Error> {
            #[cfg(feature = "testing")]
            let wanted = wanted || crate::testing::runtime::enabled();
            if !wanted {
                return Ok(Self(None));
            }
            let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(runtime) = shared.upgrade() {
                return Ok(Self(Some(runtime)));
            }
            let mut builder = Builder::new_multi_thread();
            builder
                .worker_threads(1)
                .thread_name(plugin_name())
                .enable_all();
            let runtime = builder.build().map_err(|error| {
                Error::msg(format!(
                    "failed to start the plugin's tokio runtime: {error}"
                ))
            })?;
            let runtime = Arc::new(SharedRuntime(Some(runtime)));
            *shared = Arc::downgrade(&runtime);
            Ok(Self(Some(runtime)))
        }

        /// A handle to it.
        pub(crate) fn handle(&self) -> RuntimeHandle {
            let runtime = self.0.as_ref().and_then(|shared| shared.0.as_ref());
            RuntimeHandle(runtime.map(|runtime| runtime.handle().clone()))
        }
    }

    impl Drop for SharedRuntime {
        /// Does not wait for tasks that still run there: all handlers have retired.
        fn drop(&mut self) {
            if let Some(runtime) = self.0.take() {
                runtime.shutdown_background();
            }
        }
    }

    /// An entered runtime.
    pub(crate) type Guard<'a> = Option<EnterGuard<'a>>;

    /// A handle to a runtime, or to none.
    pub(crate) struct RuntimeHandle(Option<Handle>);

    impl RuntimeHandle {
        /// No runtime.
        pub(crate) const NONE: Self = Self(None);

        /// The runtime that this thread is in.
        pub(crate) fn current() -> Self {
            Self(Handle::try_current().ok())
        }

        /// Enters it until the guard drops.
        #[inline]
        pub(crate) fn enter(&self) -> Guard<'_> {
            self.0.as_ref().map(Handle::enter)
        }
    }
}

#[cfg(not(feature = "tokio"))]
mod imp {
    use std::marker::PhantomData;

    use crate::Error;

    /// No runtime.
    pub(crate) struct OwnRuntime;

    impl OwnRuntime {
        pub(crate) fn start(_wanted: bool) -> Result<Self, Error> {
            Ok(Self)
        }

        pub(crate) fn handle(&self) -> RuntimeHandle {
            RuntimeHandle
        }
    }

    pub(crate) type Guard<'a> = PhantomData<&'a ()>;

    /// No runtime.
    pub(crate) struct RuntimeHandle;

    impl RuntimeHandle {
        pub(crate) const NONE: Self = Self;

        pub(crate) fn current() -> Self {
            Self
        }

        #[inline]
        pub(crate) fn enter(&self) -> Guard<'_> {
            PhantomData
        }
    }
}

pub(crate) use imp::{Guard, OwnRuntime, RuntimeHandle};
