//! The functions that `export!(app service …)` and `export!(middleware layer …)` export.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use tower_layer::Layer;

use super::HttpService;
use super::layer::Below;
use crate::author::block_on::block_on;
use crate::{Context, Error, Result};

/// A function that makes a service or a layer, once for each instance: `fn()`, `fn(Config)` or `fn(Config, &Context)`, `async` or
/// not, with a `Result` or without.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function that `export!(app service …)` or `export!(middleware layer …)` can export",
    note = "write `fn name() -> T`, `fn name(config: Config) -> T` or `fn name(config: Config, cx: &Context) -> T`, also `async`; `T` \
            may be in a `Result`",
    note = "for `app service`, `T` is a `tower::Service<http::Request<stackup_plugin::Body>>` that is `Clone + Send + Sync`, such as \
            `axum::Router`; its future is `Send`, and its response an `http::Response` of an `http_body::Body`",
    note = "for `middleware layer`, `T` is a `tower::Layer` that makes such a service"
)]
pub trait Make<Form>: Copy + 'static {
    /// The `config` in the manifest.
    type Config: DeserializeOwned + JsonSchema + 'static;
    /// What it makes.
    type Made;

    /// Calls it. This may block.
    fn make(self, config: Self::Config, cx: &Context) -> Result<Self::Made>;
}

/// What such a function returns.
pub trait Outcome<Kind> {
    /// The service or layer.
    type Made;

    /// The service or layer, or why there is none.
    fn outcome(self) -> Result<Self::Made>;
}

/// An [`Outcome`] that may be an error.
pub enum Fallible {}
/// An [`Outcome`] that is a service.
pub enum OfService {}
/// An [`Outcome`] that is a layer.
pub enum OfLayer {}

impl<T, E: Into<Error>> Outcome<Fallible> for Result<T, E> {
    type Made = T;
    fn outcome(self) -> Result<T> {
        self.map_err(Into::into)
    }
}

impl<S: HttpService> Outcome<OfService> for S {
    type Made = S;
    fn outcome(self) -> Result<S> {
        Ok(self)
    }
}

impl<L: Layer<Below>> Outcome<OfLayer> for L {
    type Made = L;
    fn outcome(self) -> Result<L> {
        Ok(self)
    }
}

/// A [`Make`] that is `async`.
pub enum Async {}

macro_rules! make {
    ($([$($type:ident)?] $config_of:ty, ($($of:ty),*) $config:pat, $cx:pat => ($($argument:expr),*);)*) => {$(
        impl<F, $($type,)? O, K> Make<(K, fn($($of),*) -> O)> for F
        where
            F: Fn($($of),*) -> O + Copy + 'static,
            O: Outcome<K>,
            $($type: DeserializeOwned + JsonSchema + 'static,)?
        {
            type Config = $config_of;
            type Made = O::Made;
            fn make(self, $config: Self::Config, $cx: &Context) -> Result<O::Made> {
                self($($argument),*).outcome()
            }
        }

        impl<F, $($type,)? O, K> Make<(Async, K, fn($($of),*) -> O)> for F
        where
            F: AsyncFn($($of),*) -> O + Copy + 'static,
            O: Outcome<K>,
            $($type: DeserializeOwned + JsonSchema + 'static,)?
        {
            type Config = $config_of;
            type Made = O::Made;
            fn make(self, $config: Self::Config, $cx: &Context) -> Result<O::Made> {
                block_on(self($($argument),*)).outcome()
            }
        }
    )*};
}

make! {
    [] (), () (), _ => ();
    [C] C, (C) config, _ => (config);
    [C] C, (C, &Context) config, cx => (config, cx);
}
