//! The macro `export!`, which makes a library a plugin.

/// Exports the handlers of this library. Use it once per plugin.
///
/// A handler is a type that implements [`App`](crate::App) or [`Middleware`](crate::Middleware), or
/// an `async fn`:
///
/// ```ignore
/// stackup_plugin::export!(middleware Logger);
/// stackup_plugin::export!(app fn hello);
/// stackup_plugin::export!(middleware Basic as "basic", app Status as "status");
/// stackup_plugin::export!(tokio; app Proxy);
/// ```
///
/// In the manifest, the name of the plugin stands for its only handler; `plugin#handler` names one of
/// several. Without `as`, a handler has the name of its type or function. With `tokio;` each handler gets
/// its own tokio runtime; this needs the feature `tokio`. The feature alone does not do it, since cargo
/// enables a feature for every plugin in the same build.
#[macro_export]
macro_rules! export {
    (tokio; $($handlers:tt)+) => {
        $crate::__needs_tokio!();
        $crate::__export!(true; [] []; $($handlers)+);
    };
    ($($handlers:tt)+) => {
        $crate::__export!(false; [] []; $($handlers)+);
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
        compile_error!(
            "`export!(tokio; …)` needs the feature `tokio` of stackup-plugin: \
             stackup-plugin = { …, features = [\"tokio\"] }"
        );
    };
}

/// Collects the handlers one by one, as expressions and as metadata lines.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    // With a name.
    ($tokio:literal; [$($entry:expr),*] [$($line:expr),*];
        middleware fn $f:ident as $name:literal $(, $($rest:tt)*)?) => {
        $crate::__export!($tokio;
            [$($entry,)* { $crate::__middleware_fn!($f); $crate::__private::middleware::<Handler, $tokio>($name) }]
            [$($line,)* concat!("handler=middleware ", $name, "\n")]; $($($rest)*)?);
    };
    ($tokio:literal; [$($entry:expr),*] [$($line:expr),*];
        app fn $f:ident as $name:literal $(, $($rest:tt)*)?) => {
        $crate::__export!($tokio;
            [$($entry,)* { $crate::__app_fn!($f); $crate::__private::app::<Handler, $tokio>($name) }]
            [$($line,)* concat!("handler=app ", $name, "\n")]; $($($rest)*)?);
    };
    ($tokio:literal; [$($entry:expr),*] [$($line:expr),*];
        middleware $t:ident as $name:literal $(, $($rest:tt)*)?) => {
        $crate::__export!($tokio;
            [$($entry,)* $crate::__private::middleware::<$t, $tokio>($name)]
            [$($line,)* concat!("handler=middleware ", $name, "\n")]; $($($rest)*)?);
    };
    ($tokio:literal; [$($entry:expr),*] [$($line:expr),*];
        app $t:ident as $name:literal $(, $($rest:tt)*)?) => {
        $crate::__export!($tokio;
            [$($entry,)* $crate::__private::app::<$t, $tokio>($name)]
            [$($line,)* concat!("handler=app ", $name, "\n")]; $($($rest)*)?);
    };
    // Without a name: named after the type or function.
    ($tokio:literal; [$($entry:expr),*] [$($line:expr),*];
        $kind:ident fn $f:ident $(, $($rest:tt)*)?) => {
        $crate::__export_named!($tokio; [$($entry),*] [$($line),*]; $kind fn $f; $f; $($($rest)*)?);
    };
    ($tokio:literal; [$($entry:expr),*] [$($line:expr),*];
        $kind:ident $t:ident $(, $($rest:tt)*)?) => {
        $crate::__export_named!($tokio; [$($entry),*] [$($line),*]; $kind $t; $t; $($($rest)*)?);
    };
    // All are collected.
    ($tokio:literal; [$($entry:expr),+] [$($line:expr),+];) => {
        const _: () = {
            struct ThisPlugin;

            const DESCRIPTION: [u8; env!("CARGO_PKG_DESCRIPTION").len()] =
                $crate::__private::flatten(env!("CARGO_PKG_DESCRIPTION"));
            const PARTS: &[&str] = &[
                $crate::__private::HEAD,
                concat!("name=", env!("CARGO_PKG_NAME"), "\n"),
                concat!("version=", env!("CARGO_PKG_VERSION"), "\n"),
                "description=",
                $crate::__private::text(&DESCRIPTION),
                "\n",
                if cfg!(panic = "unwind") { "panic=unwind\n" } else { "panic=abort\n" },
                if cfg!(debug_assertions) { "profile=debug\n" } else { "profile=release\n" },
                $($line,)+
            ];

            #[used]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".stackup"))]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__stackup"))]
            static METADATA: [u8; $crate::__private::length(PARTS)] =
                $crate::__private::join(PARTS);

            impl $crate::__private::Plugin for ThisPlugin {
                const METADATA: &'static [u8] = &METADATA;
                const NAME: &'static str = env!("CARGO_PKG_NAME");
                const HANDLERS: &'static [$crate::__private::HandlerEntry] = &[$($entry),+];
            }

            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            pub static stackup_plugin_root: $crate::__private::Header =
                $crate::__private::header::<ThisPlugin>();
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_named {
    ($tokio:literal; [$($entry:expr),*] [$($line:expr),*]; middleware fn $f:ident; $n:ident; $($rest:tt)*) => {
        $crate::__export!($tokio;
            [$($entry,)* { $crate::__middleware_fn!($f); $crate::__private::middleware::<Handler, $tokio>(stringify!($n)) }]
            [$($line,)* concat!("handler=middleware ", stringify!($n), "\n")]; $($rest)*);
    };
    ($tokio:literal; [$($entry:expr),*] [$($line:expr),*]; app fn $f:ident; $n:ident; $($rest:tt)*) => {
        $crate::__export!($tokio;
            [$($entry,)* { $crate::__app_fn!($f); $crate::__private::app::<Handler, $tokio>(stringify!($n)) }]
            [$($line,)* concat!("handler=app ", stringify!($n), "\n")]; $($rest)*);
    };
    ($tokio:literal; [$($entry:expr),*] [$($line:expr),*]; middleware $t:ident; $n:ident; $($rest:tt)*) => {
        $crate::__export!($tokio;
            [$($entry,)* $crate::__private::middleware::<$t, $tokio>(stringify!($n))]
            [$($line,)* concat!("handler=middleware ", stringify!($n), "\n")]; $($rest)*);
    };
    ($tokio:literal; [$($entry:expr),*] [$($line:expr),*]; app $t:ident; $n:ident; $($rest:tt)*) => {
        $crate::__export!($tokio;
            [$($entry,)* $crate::__private::app::<$t, $tokio>(stringify!($n))]
            [$($line,)* concat!("handler=app ", stringify!($n), "\n")]; $($rest)*);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __app_fn {
    ($f:ident) => {
        struct Handler;
        impl $crate::App for Handler {
            type Config = ();
            fn init((): (), _cx: &$crate::Context) -> $crate::Result<Self> {
                Ok(Self)
            }
            fn call(&self, req: $crate::Request) -> impl Future<Output = $crate::Result> + Send {
                $crate::__private::call_app($f, req)
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __middleware_fn {
    ($f:ident) => {
        struct Handler;
        impl $crate::Middleware for Handler {
            type Config = ();
            fn init((): (), _cx: &$crate::Context) -> $crate::Result<Self> {
                Ok(Self)
            }
            fn call(
                &self,
                req: $crate::Request,
                next: $crate::Next<'_>,
            ) -> impl Future<Output = $crate::Result> + Send {
                $crate::__private::call_middleware($f, req, next)
            }
        }
    };
}
