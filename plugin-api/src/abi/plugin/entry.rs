//! The entry points of a plugin, which `export!` makes from the author's traits.

use std::any::TypeId;
use std::sync::OnceLock;

use abi_stable::library::{CheckTypeLayout, IntoRootModuleResult, RootModuleResult};
use abi_stable::prefix_type::{PrefixTypeTrait, WithMetadata};
use abi_stable::std_types::{RSlice, RString, RVec};
use bytes::Bytes;

use super::context::ContextHandle;
use super::errors::{HandlerSink, PanicSink, into_object};
use super::next::Next;
use super::request::RequestHandle;
use super::runtime::{OwnRuntime, RuntimeHandle};
use super::scope::HandlerScope;
use super::{HOST, future, panics};
use crate::abi::future::RawFuture;
use crate::abi::root::{
    HandlerEntry, HandlerKind, HandlerTable, HandlerTableRef, Header, PluginRoot, PluginRootRef,
    RawHandOver, RawInit,
};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, ErrorObject, HostTableRef, RawNext, RequestObject};
use crate::{App, Context, Error, Middleware, Request};

/// A plugin, as described by `export!`.
pub trait Plugin: 'static {
    /// The text of the metadata section.
    const METADATA: &'static [u8];
    /// The package name.
    const NAME: &'static str;
    /// The handlers, with kind and name.
    const HANDLERS: &'static [HandlerEntry];
}

static NAME: OnceLock<&'static str> = OnceLock::new();

/// The package name; empty in a unit test.
pub(super) fn plugin_name() -> &'static str {
    NAME.get().copied().unwrap_or_default()
}

/// The value that a library exports under [`SYMBOL`](crate::abi::root::SYMBOL).
pub const fn header<P: Plugin>() -> Header {
    // SAFETY: the constructor erases a `PluginRootRef`.
    unsafe { Header::from_constructor::<PluginRootRef>(construct::<P>, CheckTypeLayout::Yes) }
}

extern "C" fn construct<P: Plugin>() -> RootModuleResult {
    let root = PluginRoot {
        attach: attach::<P>,
        metadata: RawSlice::new(P::METADATA),
        handlers: RSlice::from_slice(P::HANDLERS),
        log_changed,
    }
    .leak_into_prefix();
    // Does what abi_stable's loader does, without its static, which holds one library per process.
    let erased = root.into_root_module_result().map(|root| {
        use abi_stable::prefix_type::PrefixRefTrait;
        // SAFETY: the header above names the type that this is.
        unsafe { root.to_prefix_ref().cast() }
    });
    RootModuleResult::from(erased)
}

unsafe extern "C" fn attach<P: Plugin>(host: HostTableRef) {
    // A panic here would be a bug of this crate, and there is no log yet.
    let _ = panics::contain(|| {
        if HOST.set(host).is_ok() {
            let _ = NAME.set(P::NAME);
            panics::install_hook();
            crate::author::logging::install();
        }
    });
}

unsafe extern "C" fn log_changed() {
    let _ = panics::contain(crate::author::logging::refresh);
}

/// A middleware or app: the common form of both.
pub trait Serve: Sized + Send + Sync + 'static {
    /// The config.
    type Config: serde::de::DeserializeOwned + schemars::JsonSchema + 'static;
    /// Builds an instance.
    fn init(config: Self::Config, cx: &Context) -> Result<Self, Error>;
    /// Answers a request.
    fn serve(&self, request: Request, next: Next<'_>)
    -> impl Future<Output = crate::Result> + Send;
    /// Its generation is active.
    fn serving(&self, cx: &Context) -> Result<(), Error>;
    /// What it gives to the instance that replaces it.
    fn hand_over(&self) -> Option<Bytes>;
    /// Takes what the instance before it gave.
    fn inherit(&self, state: Bytes) -> Result<(), Error>;
}

/// The parts of [`Serve`] that apps and middleware have in common.
macro_rules! delegate_life {
    () => {
        fn serving(&self, cx: &Context) -> Result<(), Error> {
            self.0.serving(cx)
        }
        fn hand_over(&self) -> Option<Bytes> {
            self.0.hand_over()
        }
        fn inherit(&self, state: Bytes) -> Result<(), Error> {
            self.0.inherit(state)
        }
    };
}

/// Adapts a middleware to [`Serve`].
pub struct AsMiddleware<T>(T);

impl<T: Middleware> Serve for AsMiddleware<T> {
    type Config = T::Config;
    fn init(config: T::Config, cx: &Context) -> Result<Self, Error> {
        T::init(config, cx).map(Self)
    }
    fn serve(
        &self,
        request: Request,
        next: Next<'_>,
    ) -> impl Future<Output = crate::Result> + Send {
        self.0.call(request, next)
    }
    delegate_life!();
}

/// Adapts an app to [`Serve`].
pub struct AsApp<T>(T);

impl<T: App> Serve for AsApp<T> {
    type Config = T::Config;
    fn init(config: T::Config, cx: &Context) -> Result<Self, Error> {
        T::init(config, cx).map(Self)
    }
    fn serve(
        &self,
        request: Request,
        _next: Next<'_>,
    ) -> impl Future<Output = crate::Result> + Send {
        self.0.call(request)
    }
    delegate_life!();
}

/// Describes a middleware. With `TOKIO` it shares the runtime of its plugin.
pub const fn middleware<T: Middleware, const TOKIO: bool>(name: &'static str) -> HandlerEntry {
    let table = Instance::<AsMiddleware<T>, TOKIO>::TABLE;
    HandlerEntry {
        kind: HandlerKind::Middleware,
        name: RawSlice::text(name),
        table,
    }
}

/// Describes an app. With `TOKIO` it shares the runtime of its plugin.
pub const fn app<T: App, const TOKIO: bool>(name: &'static str) -> HandlerEntry {
    let table = Instance::<AsApp<T>, TOKIO>::TABLE;
    HandlerEntry {
        kind: HandlerKind::App,
        name: RawSlice::text(name),
        table,
    }
}

struct Instance<T, const TOKIO: bool> {
    serve: T,
    // Dropped after the handler, whose drop may need the runtime.
    runtime: OwnRuntime,
    context: Context,
}

impl<T: Serve, const TOKIO: bool> Instance<T, TOKIO> {
    const METADATA: &'static WithMetadata<HandlerTable> = &WithMetadata::new(HandlerTable {
        schema: Self::schema,
        init: Self::init,
        call: Self::call,
        drop: Self::free,
        serving: Self::serving,
        hand_over: Self::hand_over,
        inherit: Self::inherit,
    });
    const TABLE: HandlerTableRef = HandlerTableRef(Self::METADATA.static_as_prefix());

    unsafe extern "C" fn schema() -> RString {
        let schema = panics::contain(|| {
            serde_json::to_string(&schemars::schema_for!(T::Config)).unwrap_or_default()
        });
        schema.unwrap_or_default().into()
    }

    unsafe extern "C" fn init(config: RawSlice<'_>, context: *const ContextObject) -> RawInit {
        // SAFETY: a context of the host.
        let handle = unsafe { ContextHandle::from_object(context) };
        let scope = HandlerScope::new(handle, RuntimeHandle::NONE);
        let entered = scope.enter();
        let built = panics::contain(|| Self::build(config.str(), Context::new(handle)));
        drop(entered);
        let error = match built {
            Ok(Ok(instance)) => {
                let instance = Box::into_raw(Box::new(instance)).cast();
                return RawInit {
                    instance,
                    error: std::ptr::null_mut(),
                };
            }
            Ok(Err(error)) => error,
            Err(panic) => Error::panic(panic.message, panic.place),
        };
        RawInit {
            instance: std::ptr::null_mut(),
            error: into_object(error, handle.handler()),
        }
    }

    fn build(config: &str, context: Context) -> Result<Self, Error> {
        let config = read_config::<T::Config>(config)?;
        let runtime = OwnRuntime::start(TOKIO)?;
        let entry = runtime.handle();
        let built = {
            let _entered = entry.enter();
            let built = panics::contain(|| T::init(config, &context))
                .unwrap_or_else(|panic| Err(Error::panic(panic.message, panic.place)));
            if built.is_err()
                && let Err(panic) = panics::contain(|| context.release_shared())
            {
                HandlerSink(context.handle()).dropped(panic);
            }
            built
        };
        Ok(Self {
            serve: built?,
            runtime,
            context,
        })
    }

    fn scope(&self) -> HandlerScope {
        HandlerScope::new(self.context.handle(), self.runtime.handle())
    }

    unsafe extern "C" fn call(
        instance: *const (),
        request: *mut RequestObject,
        next: RawNext,
    ) -> RawFuture {
        // SAFETY: made by `init`; the host keeps it until the future is dropped. The author's code
        // never sees the 'static: `Serve::serve` is generic over its borrows.
        let this: &'static Self = unsafe { &*instance.cast::<Self>() };
        // SAFETY: the host hands the request over.
        let request = Request::from_handle(unsafe { RequestHandle::from_object(request) });
        // SAFETY: the host keeps the node until the future is dropped.
        let next: Next<'static> = unsafe { Next::new(next) };
        let sink = HandlerSink(this.context.handle());
        let future = async move {
            match this.serve.serve(request, next).await {
                Ok(response) => Ok(response.into_object().cast()),
                Err(error) => Err(into_object(error, this.context.handle().handler())),
            }
        };
        future::erase(future, this.scope(), sink)
    }

    /// Runs `f` with the instance in its scope. A panic counts against the handler.
    ///
    /// # Safety
    ///
    /// `instance` was made by `init`, and lives during the call.
    unsafe fn with<R>(
        instance: *const (),
        f: impl FnOnce(&Self) -> R,
    ) -> Result<R, *mut ErrorObject> {
        // SAFETY: the caller's promise.
        let this = unsafe { &*instance.cast::<Self>() };
        let scope = this.scope();
        let entered = scope.enter();
        let done = panics::contain(|| f(this));
        drop(entered);
        done.map_err(|panic| HandlerSink(this.context.handle()).panicked(panic))
    }

    /// The error object of a call, or null.
    fn object(&self, done: Result<(), Error>) -> *mut ErrorObject {
        let handler = self.context.handle().handler();
        done.map_or_else(
            |error| into_object(error, handler),
            |()| std::ptr::null_mut(),
        )
    }

    unsafe extern "C" fn serving(instance: *const ()) -> *mut ErrorObject {
        // SAFETY: the host keeps the instance during the call.
        let done = unsafe {
            Self::with(instance, |this| {
                this.object(this.serve.serving(&this.context))
            })
        };
        done.unwrap_or_else(|panic| panic)
    }

    unsafe extern "C" fn hand_over(instance: *const ()) -> RawHandOver {
        let give = |this: &Self| this.serve.hand_over().map(|state| RVec::from_slice(&state));
        // SAFETY: the host keeps the instance during the call.
        let (state, error) = match unsafe { Self::with(instance, give) } {
            Ok(state) => (state, std::ptr::null_mut()),
            Err(panic) => (None, panic),
        };
        RawHandOver {
            state: state.into(),
            error,
        }
    }

    unsafe extern "C" fn inherit(instance: *const (), state: RawSlice<'_>) -> *mut ErrorObject {
        let state = Bytes::copy_from_slice(state.bytes().unwrap_or_default());
        // SAFETY: the host keeps the instance during the call.
        let done = unsafe { Self::with(instance, |this| this.object(this.serve.inherit(state))) };
        done.unwrap_or_else(|panic| panic)
    }

    unsafe extern "C" fn free(instance: *mut ()) -> *mut ErrorObject {
        // SAFETY: made by `init`, given up by the host.
        let this = unsafe { Box::from_raw(instance.cast::<Self>()) };
        let scope = this.scope();
        let Self {
            serve,
            runtime: _runtime,
            context,
        } = *this;
        let entered = scope.enter();
        let dropped = panics::contain(|| drop(serve));
        let released = panics::contain(|| context.release_shared());
        drop(entered);
        match dropped.and(released) {
            Ok(()) => std::ptr::null_mut(),
            Err(panic) => HandlerSink(context.handle()).panicked(panic),
        }
    }
}

/// Reads the JSON object that the host makes from the config in the manifest.
fn read_config<C: serde::de::DeserializeOwned + 'static>(text: &str) -> Result<C, Error> {
    let takes_none = TypeId::of::<C>() == TypeId::of::<()>();
    let text = match text {
        "{}" if takes_none => "null",
        _ if takes_none => return Err(Error::config("", "this handler takes no config")),
        text => text,
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let message = error.inner().to_string();
        // The position is in our JSON; the author wrote TOML.
        let message = message
            .split(" at line ")
            .next()
            .unwrap_or_default()
            .to_owned();
        Error::config(if path == "." { "" } else { &path }, message)
    })
}
