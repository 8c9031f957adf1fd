//! Every form of `export!` and `#[config]`, without the prelude, among types and modules that have the
//! names of std's.

#![no_implicit_prelude]
#![deny(
    warnings,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    rust_2018_idioms,
    unreachable_pub,
    unsafe_code,
    unused_qualifications
)]

use ::stackup_plugin::{App, Context, Middleware, Next, Request, Response, StatusCode};

#[allow(unused_imports)]
use self::shadows::*;

macro_rules! shadow {
    ($($name:ident)*) => {$(
        #[doc = "Has the name of something else."]
        #[allow(non_camel_case_types)]
        pub struct $name;
    )*};
}

/// Names of the prelude, and of the macros themselves.
pub mod shadows {
    shadow! {
        AsRef Box Clone Copy Debug Default Drop Eq Err Error Fn FnMut FnOnce From Future Handler Into
        IntoIterator Iterator None Ok Option PartialEq Result Send Sized Some String Sync ThisPlugin
        ToOwned ToString Vec
    }
}

/// Primitive types. The derives of serde and schemars do not allow for these.
pub mod primitives {
    shadow! { bool str u8 usize }
}

/// A module named as a crate.
pub mod alloc {}
/// A module named as a crate.
pub mod core {}
/// A module named as a crate.
pub mod schemars {}
/// A module named as a crate.
pub mod serde {}
/// A module named as a crate.
pub mod stackup_plugin {}
/// A module named as a crate.
pub mod std {}

/// A config.
#[::stackup_plugin::config]
pub struct Config {
    /// A raw identifier.
    r#type: ::std::string::String,
    /// An optional list.
    others: ::core::option::Option<::std::vec::Vec<Kind>>,
}

/// A part of a config.
#[::stackup_plugin::config]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Without fields.
    One,
    /// With one.
    Two {
        /// Its field.
        field: i32,
    },
}

/// Configs with defaults. For these the derive of schemars needs `Some`.
pub mod defaults {
    use ::core::option::Option::Some;

    /// A config.
    #[::stackup_plugin::config]
    pub struct Defaults {
        /// A field.
        #[serde(default)]
        pub r#match: i32,
    }
}

/// An app.
pub struct Plain(::std::string::String);

impl App for Plain {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> ::stackup_plugin::Result<Self> {
        for kind in config.others.unwrap_or_default() {
            match kind {
                Kind::One | Kind::Two { field: 0 } => {}
                Kind::Two { .. } => {
                    return ::core::result::Result::Err(::stackup_plugin::Error::config(
                        "others", "not 0",
                    ));
                }
            }
        }
        ::core::result::Result::Ok(Self(config.r#type))
    }

    async fn call(&self, _req: Request) -> ::stackup_plugin::Result {
        ::stackup_plugin::IntoResponse::into_response(&*self.0)
    }
}

/// A generic app.
pub struct Of<'a, T>(&'a str, ::core::marker::PhantomData<T>);

impl<T: ::core::marker::Send + ::core::marker::Sync + 'static> App for Of<'static, T> {
    type Config = defaults::Defaults;

    fn init(config: defaults::Defaults, _cx: &Context) -> ::stackup_plugin::Result<Self> {
        let text = if config.r#match == 0 { "of" } else { "match" };
        ::core::result::Result::Ok(Self(text, ::core::marker::PhantomData))
    }

    async fn call(&self, _req: Request) -> ::stackup_plugin::Result {
        ::stackup_plugin::IntoResponse::into_response(self.0)
    }
}

/// A middleware.
#[allow(non_camel_case_types)]
pub struct r#macro;

impl Middleware for r#macro {
    type Config = ();

    fn init((): (), _cx: &Context) -> ::stackup_plugin::Result<Self> {
        ::core::result::Result::Ok(Self)
    }

    async fn call(&self, req: Request, next: Next<'_>) -> ::stackup_plugin::Result {
        let mut res = next.run(req).await?;
        res.headers_mut().append("x-through", "macro")?;
        ::core::result::Result::Ok(res)
    }
}

async fn hello() -> &'static str {
    "hello"
}

async fn r#async(_req: Request) -> ::stackup_plugin::Result {
    ::core::result::Result::Ok(Response::new(StatusCode::NO_CONTENT))
}

async fn echo<T: ::core::fmt::Display + ::core::default::Default>() -> ::std::string::String {
    ::std::format!("echo {}", T::default())
}

async fn pass(req: Request, next: Next<'_>) -> ::stackup_plugin::Result {
    let mut res = next.run(req).await?;
    res.headers_mut().append("x-through", "pass")?;
    ::core::result::Result::Ok(res)
}

async fn lifetime<'a>(req: Request, next: Next<'a>) -> ::stackup_plugin::Result {
    let mut res = next.run(req).await?;
    res.headers_mut().append("x-through", "lifetime")?;
    ::core::result::Result::Ok(res)
}

mod routes {
    pub(crate) async fn deep() -> &'static str {
        "deep"
    }
}

/// Exports from within a module.
pub mod exported {
    #[allow(unused_imports)]
    use super::primitives::*;
    use super::*;

    ::stackup_plugin::export!(
        app Plain,
        app Plain as "plain-2",
        app Of<'static, i32> as "of",
        middleware r#macro,
        middleware r#macro as "macro-2",
        app fn hello,
        app fn hello as "hello-2",
        app fn r#async,
        app fn routes::deep,
        app fn echo::<i32> as "echo",
        middleware fn pass,
        middleware fn lifetime as "lifetime-2",
    );
}
