//! A handler's own tokio runtime. Without the feature `tokio` it does nothing.

#[cfg(feature = "tokio")]
mod imp {
    use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

    use crate::Error;

    /// A handler's runtime, if it has one. Dropping it does not wait for tasks still running there: the
    /// handler has retired.
    pub(crate) struct OwnRuntime(Option<Runtime>);

    impl OwnRuntime {
        /// Starts a runtime with one thread, named after the handler, if one is `wanted`.
        pub(crate) fn start(wanted: bool, handler: &str) -> Result<Self, Error> {
            #[cfg(feature = "testing")]
            let wanted = wanted || crate::testing::runtime::enabled();
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).thread_name(handler).enable_all();
            let runtime = wanted.then(|| builder.build()).transpose();
            runtime.map(Self).map_err(|error| {
                Error::msg(format!(
                    "failed to start the plugin's tokio runtime: {error}"
                ))
            })
        }

        /// A handle to it.
        pub(crate) fn handle(&self) -> RuntimeHandle {
            RuntimeHandle(self.0.as_ref().map(|runtime| runtime.handle().clone()))
        }
    }

    impl Drop for OwnRuntime {
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
        pub(crate) fn start(_wanted: bool, _handler: &str) -> Result<Self, Error> {
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
