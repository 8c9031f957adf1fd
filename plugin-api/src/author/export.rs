//! The macro `export!`, which makes a library a plugin.

/// Exports the handlers of this library. Use it once per plugin.
///
/// A plugin can't depend on another one, since each exports the same symbol: the linker reports
/// `duplicate symbol: stackup_plugin_root`. Move code that both need to a library without `export!`.
///
/// A handler is a type that implements [`App`](crate::App) or [`Middleware`](crate::Middleware), or
/// an `async fn`, by its name or path:
///
/// ```ignore
/// stackup_plugin::export!(middleware Logger);
/// stackup_plugin::export!(app fn hello);
/// stackup_plugin::export!(middleware Basic as "basic", app Status as "status");
/// stackup_plugin::export!(tokio; app Proxy);
/// ```
///
/// With the feature `tower`, a function that makes a service or a layer of tower, once for each instance. It may take the config, and
/// the [`Context`](crate::Context) after it; it may be `async`, and return a `Result`. `init` is where it runs, so it may block.
///
/// ```ignore
/// stackup_plugin::export!(tokio; app service router, middleware layer cors);
///
/// async fn router(config: Config, cx: &Context) -> Result<axum::Router> { Ok(routes(config, cx).await?) }
/// fn cors() -> tower_http::cors::CorsLayer { CorsLayer::permissive() }
/// ```
///
/// * A service is `Clone`, and each request gets a clone of it. It is called when it is ready (`poll_ready`). Its path is what a map has left of
///   it, as [`Request::into_http_here`](crate::Request::into_http_here) has it; with the feature `axum`, `OriginalUri` is the whole one, `ConnectInfo<SocketAddr>`
///   is there, and so is `hyper::upgrade::OnUpgrade`, which axum's `ws` needs.
/// * The layers below are the inner service of a layer: always ready, `Clone`, and with the error `Box<dyn Error + Send + Sync>`, in which
///   `?` finds the [`Error`](crate::Error) of the layer below again. The service that it makes lives as long as the instance. It may call the layers
///   below several times, and from any task, for as long as its own call lasts; then its calls are cancelled. A request that it makes keeps the extensions of the one
///   that it got.
/// * Either finds the [`OriginalRequest`](crate::OriginalRequest) in the extensions.
///
/// In the manifest, the name of the plugin stands for its only handler; `plugin#handler` names one of
/// several. Without `as`, a handler has the name of its type or function; a type with generic arguments
/// needs `as`. With `tokio;` the plugin gets
/// its own tokio runtime, which its handlers share; this needs the feature `tokio`. The feature alone does not do it, since cargo
/// enables a feature for every plugin in the same build.
#[macro_export]
macro_rules! export {
    (tokio; $($handlers:tt)+) => {
        $crate::__needs_tokio!();
        $crate::__export!(true; []; $($handlers)+);
    };
    ($($handlers:tt)+) => {
        $crate::__export!(false; []; $($handlers)+);
    };
    () => {
        $crate::__private::core::compile_error!(
            "no handlers to export\nhelp: name one: `export!(app Hello)` or `export!(app fn hello)`"
        );
    };
}

#[cfg(feature = "tokio")]
#[doc(hidden)]
#[macro_export]
macro_rules! __needs_tokio {
    () => {};
}

#[cfg(not(feature = "tokio"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __needs_tokio {
    () => {
        $crate::__private::core::compile_error!(
            "`export!(tokio; …)` needs the feature `tokio` of stackup-plugin\n\
             help: in Cargo.toml: stackup-plugin = { …, features = [\"tokio\"] }"
        );
    };
}

#[cfg(feature = "tower")]
#[doc(hidden)]
#[macro_export]
macro_rules! __needs_tower {
    ($($export:tt)*) => { $($export)* };
}

#[cfg(not(feature = "tower"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __needs_tower {
    ($($export:tt)*) => {
        $crate::__private::core::compile_error!(
            "`app service` and `middleware layer` need the feature `tower` of stackup-plugin\n\
             help: in Cargo.toml: stackup-plugin = { …, features = [\"tower\"] }"
        );
    };
}

// The names in these macros resolve where an author calls them: in his edition, with or without the
// prelude, among his own types. So every path starts at `$crate`, and every item has a prefix.

/// Collects the handlers one by one, each as `{ kind (name) (entry) }`, with the function after it that makes the handler, if one does.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($tokio:literal; [$($done:tt)*];
        app fn $f:path $(as $name:literal)? $(, $($rest:tt)*)?) => {
        $crate::__export!($tokio; [$($done)*
            { app ($crate::__handler_name!([$f] $($name)?)) ({
                $crate::__app_fn!($f);
                $crate::__private::app::<__StackupHandler, $tokio>
            }) }]; $($($rest)*)?);
    };
    ($tokio:literal; [$($done:tt)*];
        middleware fn $f:path $(as $name:literal)? $(, $($rest:tt)*)?) => {
        $crate::__export!($tokio; [$($done)*
            { middleware ($crate::__handler_name!([$f] $($name)?)) ({
                $crate::__middleware_fn!($f);
                $crate::__private::middleware::<__StackupHandler, $tokio>
            }) }]; $($($rest)*)?);
    };
    ($tokio:literal; [$($done:tt)*];
        app service $f:path $(as $name:literal)? $(, $($rest:tt)*)?) => {
        $crate::__needs_tower! {
            $crate::__export!($tokio; [$($done)*
                { app ($crate::__handler_name!([$f] $($name)?))
                    ($crate::__private::service::<_, _, $tokio>) $f }]; $($($rest)*)?);
        }
    };
    ($tokio:literal; [$($done:tt)*];
        middleware layer $f:path $(as $name:literal)? $(, $($rest:tt)*)?) => {
        $crate::__needs_tower! {
            $crate::__export!($tokio; [$($done)*
                { middleware ($crate::__handler_name!([$f] $($name)?))
                    ($crate::__private::layer::<_, _, $tokio>) $f }]; $($($rest)*)?);
        }
    };
    ($tokio:literal; [$($done:tt)*];
        app $t:ty $(as $name:literal)? $(, $($rest:tt)*)?) => {
        $crate::__export!($tokio; [$($done)*
            { app ($crate::__handler_name!([$t] $($name)?))
                ($crate::__private::app::<$t, $tokio>) }]; $($($rest)*)?);
    };
    ($tokio:literal; [$($done:tt)*];
        middleware $t:ty $(as $name:literal)? $(, $($rest:tt)*)?) => {
        $crate::__export!($tokio; [$($done)*
            { middleware ($crate::__handler_name!([$t] $($name)?))
                ($crate::__private::middleware::<$t, $tokio>) }]; $($($rest)*)?);
    };
    // All are collected.
    ($tokio:literal; [$({ $kind:ident ($name:expr) ($entry:expr) $($make:path)? })+];) => {
        const _: () = {
            struct __StackupPlugin {}

            const __STACKUP_DESCRIPTION:
                [$crate::__private::u8; $crate::__private::core::env!("CARGO_PKG_DESCRIPTION").len()] =
                $crate::__private::flatten($crate::__private::core::env!("CARGO_PKG_DESCRIPTION"));
            const __STACKUP_NAMES: &[&$crate::__private::str] =
                $crate::__private::distinct(&[$($name),+]);
            const __STACKUP_METADATA_PARTS: &[&$crate::__private::str] = &[
                $crate::__private::HEAD,
                $crate::__private::core::concat!(
                    "name=", $crate::__private::core::env!("CARGO_PKG_NAME"), "\n",
                    "version=", $crate::__private::core::env!("CARGO_PKG_VERSION"), "\n",
                    "description="
                ),
                $crate::__private::text(&__STACKUP_DESCRIPTION),
                "\n",
                if $crate::__private::core::cfg!(panic = "unwind") {
                    "panic=unwind\n"
                } else {
                    "panic=abort\n"
                },
                if $crate::__private::core::cfg!(debug_assertions) {
                    "profile=debug\n"
                } else {
                    "profile=release\n"
                },
                $("handler=", $crate::__private::core::stringify!($kind), " ", $name, "\n",)+
            ];

            #[used]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".stackup"))]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__stackup"))]
            static __STACKUP_METADATA:
                [$crate::__private::u8; $crate::__private::length(__STACKUP_METADATA_PARTS)] =
                $crate::__private::join(__STACKUP_METADATA_PARTS);

            impl $crate::__private::Plugin for __StackupPlugin {
                const METADATA: &'static [$crate::__private::u8] = &__STACKUP_METADATA;
                const NAME: &'static $crate::__private::str =
                    $crate::__private::core::env!("CARGO_PKG_NAME");
                const HANDLERS: &'static [$crate::__private::HandlerEntry] = &[$($entry($($make,)? $name)),+];
            }

            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            pub static stackup_plugin_root: $crate::__private::Header =
                $crate::__private::header::<__StackupPlugin>();
        };
    };
    ($tokio:literal; [$($done:tt)*]; $($rest:tt)*) => {
        $crate::__private::core::compile_error!($crate::__private::core::concat!(
            "cannot export `", $crate::__private::core::stringify!($($rest)*), "`\n",
            "help: separate handlers by commas; each is `app NAME`, `app fn NAME`, `app service NAME`, `middleware NAME`, \
             `middleware fn NAME` or `middleware layer NAME`, with `as \"name\"` if it has another name in the manifest"
        ));
    };
}

/// The name of a handler: the one after `as`, or that of its type or function.
#[doc(hidden)]
#[macro_export]
macro_rules! __handler_name {
    ([$($handler:tt)+] $name:literal) => {
        $crate::__private::checked_name($name)
    };
    ([$($handler:tt)+]) => {
        $crate::__private::name_of_path($crate::__private::core::stringify!($($handler)+))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __app_fn {
    ($f:path) => {
        struct __StackupHandler {}
        impl $crate::App for __StackupHandler {
            type Config = ();
            fn init((): (), _cx: &$crate::Context) -> $crate::Result<Self> {
                $crate::__private::core::result::Result::Ok(Self {})
            }
            fn call(
                &self,
                req: $crate::Request,
            ) -> impl $crate::__private::core::future::Future<Output = $crate::Result>
            + $crate::__private::core::marker::Send {
                $crate::__private::call_app($f, req)
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __middleware_fn {
    ($f:path) => {
        struct __StackupHandler {}
        impl $crate::Middleware for __StackupHandler {
            type Config = ();
            fn init((): (), _cx: &$crate::Context) -> $crate::Result<Self> {
                $crate::__private::core::result::Result::Ok(Self {})
            }
            fn call(
                &self,
                req: $crate::Request,
                next: $crate::Next<'_>,
            ) -> impl $crate::__private::core::future::Future<Output = $crate::Result>
            + $crate::__private::core::marker::Send {
                $crate::__private::call_middleware($f, req, next)
            }
        }
    };
}
