//! Handlers that are an `async fn`.

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;

#[cfg(feature = "tower")]
use tower_layer::Layer;

use super::mounted::{Mounted, mount};
use crate::abi::plugin::entry;
use crate::author::handler::{AppFn, MiddlewareFn};
#[cfg(feature = "tower")]
use crate::author::tower::{self, Below, HttpService, Make};
use crate::{App, Context, Error, Middleware, Next, Request, Result};

thread_local! {
    /// Passes the function to `init`, which has no argument for it.
    static FUNCTION: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Mounts an `async fn` as `export!(app fn …)` does.
///
/// ```
/// use stackup_plugin::testing::{self, block_on, get};
///
/// async fn hello() -> &'static str {
///     "Hello"
/// }
///
/// block_on(async {
///     let res = testing::app_fn(hello)?.answer(get("/")).await?;
///     assert_eq!(res.finish().await?, "Hello");
///     Ok::<_, stackup_plugin::Error>(())
/// })
/// # .unwrap();
/// ```
///
/// # Errors
///
/// None known.
pub fn app_fn<F: AppFn<A> + 'static, A: 'static>(f: F) -> Result<Mounted> {
    hand_over(f);
    mount(
        &entry::app::<Function<F, A>, false>("test"),
        &serde_json::json!({}),
    )
}

/// Mounts an `async fn` as `export!(middleware fn …)` does.
///
/// # Errors
///
/// None known.
pub fn middleware_fn<F>(f: F) -> Result<Mounted>
where
    F: for<'a> MiddlewareFn<'a> + 'static,
{
    hand_over(f);
    mount(
        &entry::middleware::<Function<F, ()>, false>("test"),
        &serde_json::json!({}),
    )
}

/// Mounts the service that `make` makes, as `export!(app service …)` does.
///
/// ```
/// use stackup_plugin::testing::{self, block_on, get};
///
/// fn router() -> axum::Router {
///     axum::Router::new().route("/", axum::routing::get(|| async { "Hello" }))
/// }
///
/// block_on(async {
///     let router = testing::app_service(router, testing::json!({}))?;
///     assert_eq!(router.answer(get("/")).await?.finish().await?, "Hello");
///     Ok::<_, stackup_plugin::Error>(())
/// })
/// # .unwrap();
/// ```
///
/// # Errors
///
/// The error or panic of `make`, or an invalid config.
#[cfg(feature = "tower")]
pub fn app_service<F, A>(make: F, config: serde_json::Value) -> Result<Mounted>
where
    F: Make<A, Made: HttpService>,
    A: 'static,
{
    mount(
        &tower::service::service::<F, A, false>(make, "test"),
        &config,
    )
}

/// Mounts the layer that `make` makes, as `export!(middleware layer …)` does.
///
/// # Errors
///
/// The error or panic of `make`, or an invalid config.
#[cfg(feature = "tower")]
pub fn middleware_layer<F, A>(make: F, config: serde_json::Value) -> Result<Mounted>
where
    F: Make<A, Made: Layer<Below, Service: HttpService>>,
    A: 'static,
{
    mount(&tower::layer::layer::<F, A, false>(make, "test"), &config)
}

fn hand_over<F: 'static>(f: F) {
    FUNCTION.with(|slot| slot.replace(Some(Box::new(f))));
}

fn receive<F: 'static>() -> Result<F> {
    let function = FUNCTION
        .with(RefCell::take)
        .and_then(|any| any.downcast().ok());
    function
        .map(|f| *f)
        .ok_or_else(|| Error::msg("internal error: the function did not reach `init`"))
}

struct Function<F, A>(F, PhantomData<fn(A)>);

impl<F: AppFn<A> + 'static, A: 'static> App for Function<F, A> {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        receive().map(|f| Self(f, PhantomData))
    }

    async fn call(&self, req: Request) -> Result {
        self.0.run(req).await
    }
}

impl<F: for<'a> MiddlewareFn<'a> + 'static> Middleware for Function<F, ()> {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        receive().map(|f| Self(f, PhantomData))
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        self.0.run(req, next).await
    }
}
