//! The tokio runtime that a handler may have of its own; nothing without the feature `tokio`.

#[cfg(feature = "tokio")]
mod imp {
    use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

    use crate::Error;

    /// A handler's runtime, if it has one. Its drop does not wait: what still runs there is the
    /// plugin's own affair, and it has retired.
    pub(crate) struct OwnRuntime(Option<Runtime>);

    impl OwnRuntime {
        /// A runtime with one thread, named after the handler, if one is `wanted`.
        pub(crate) fn start(wanted: bool, handler: &str) -> Result<Self, Error> {
            #[cfg(feature = "testing")]
            let wanted = wanted || crate::testing::runtime::wanted();
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).thread_name(handler).enable_all();
            let runtime = wanted.then(|| builder.build()).transpose();
            runtime
                .map(Self)
                .map_err(|error| Error::msg(format!("no tokio runtime for this plugin: {error}")))
        }

        /// What leads into it.
        pub(crate) fn entry(&self) -> Entry {
            Entry(self.0.as_ref().map(|runtime| runtime.handle().clone()))
        }
    }

    impl Drop for OwnRuntime {
        fn drop(&mut self) {
            if let Some(runtime) = self.0.take() {
                runtime.shutdown_background();
            }
        }
    }

    /// A runtime in force.
    pub(crate) type Guard<'a> = Option<EnterGuard<'a>>;

    /// Leads into a runtime, or nowhere.
    pub(crate) struct Entry(Option<Handle>);

    impl Entry {
        /// Leads nowhere.
        pub(crate) const NOWHERE: Self = Self(None);

        /// Into the runtime that is in force on this thread.
        pub(crate) fn here() -> Self {
            Self(Handle::try_current().ok())
        }

        /// Puts it in force until the guard drops.
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

        pub(crate) fn entry(&self) -> Entry {
            Entry
        }
    }

    pub(crate) type Guard<'a> = PhantomData<&'a ()>;

    /// Leads nowhere.
    pub(crate) struct Entry;

    impl Entry {
        pub(crate) const NOWHERE: Self = Self;

        pub(crate) fn here() -> Self {
            Self
        }

        #[inline]
        pub(crate) fn enter(&self) -> Guard<'_> {
            PhantomData
        }
    }
}

pub(crate) use imp::{Entry, Guard, OwnRuntime};
