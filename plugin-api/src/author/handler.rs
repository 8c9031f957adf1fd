//! The traits that an author implements.

use std::future::Future;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Bytes, Context, IntoResponse, Next, Request, Result};

/// Answers a request with the help of `next`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a middleware",
    note = "implement `Middleware` for it, or export it as `app` if it is an app"
)]
pub trait Middleware: Sized + Send + Sync + 'static {
    /// Its `config` in the manifest; `()` if it takes none. See [`config`](macro@crate::config).
    type Config: DeserializeOwned + JsonSchema + 'static;

    /// Builds an instance, once for each position in a stack.
    ///
    /// # Errors
    ///
    /// An error or a panic rejects the whole new stack. The active generation keeps serving.
    fn init(config: Self::Config, cx: &Context) -> Result<Self>;

    /// Answers a request. Dropping the future cancels it, down to the innermost layer.
    ///
    /// # Errors
    ///
    /// The layers above get the error as it is. At the top it becomes a response with its
    /// [status](crate::Error::status).
    fn call(&self, req: Request, next: Next<'_>) -> impl Future<Output = Result> + Send;

    /// The instance serves: its generation is active. Called once, never in a trial. Here belongs what must not happen for code
    /// that is refused: cron jobs, migrations, announcements. It may block, and requests do not wait for it.
    ///
    /// # Errors
    ///
    /// An error or a panic is logged; the instance serves all the same.
    fn serving(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    /// Gives state in memory to the instance that replaces this one: new code or config of the same directive. Called at most
    /// once, when nothing can refuse the new stack any more. Requests that are here already, or on their way, still run; what they
    /// change after this call is lost, unless they change it elsewhere. It may block, but the swap waits for it.
    fn hand_over(&self) -> Option<Bytes> {
        None
    }

    /// Takes what [`hand_over`](Self::hand_over) of the instance before this one gave, after `init` and `warmup` and before the first
    /// client's request. It may come from older or newer code, so it should carry a version.
    ///
    /// # Errors
    ///
    /// An error or a panic is logged; the instance serves without the state.
    fn inherit(&self, _state: Bytes) -> Result<()> {
        Ok(())
    }
}

/// Answers a request.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an app",
    note = "implement `App` for it, or export it as `middleware` if it is a middleware"
)]
pub trait App: Sized + Send + Sync + 'static {
    /// Its `config` in the manifest; `()` if it takes none. See [`config`](macro@crate::config).
    type Config: DeserializeOwned + JsonSchema + 'static;

    /// Builds an instance, once for each position in a stack.
    ///
    /// # Errors
    ///
    /// An error or a panic rejects the whole new stack. The active generation keeps serving.
    fn init(config: Self::Config, cx: &Context) -> Result<Self>;

    /// Answers a request. Dropping the future cancels it.
    ///
    /// # Errors
    ///
    /// The layers above get the error as it is. At the top it becomes a response with its
    /// [status](crate::Error::status).
    fn call(&self, req: Request) -> impl Future<Output = Result> + Send;

    /// The instance serves: its generation is active. Called once, never in a trial. Here belongs what must not happen for code
    /// that is refused: cron jobs, migrations, announcements. It may block, and requests do not wait for it.
    ///
    /// # Errors
    ///
    /// An error or a panic is logged; the instance serves all the same.
    fn serving(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    /// Gives state in memory to the instance that replaces this one: new code or config of the same directive. Called at most
    /// once, when nothing can refuse the new stack any more. Requests that are here already, or on their way, still run; what they
    /// change after this call is lost, unless they change it elsewhere. It may block, but the swap waits for it.
    fn hand_over(&self) -> Option<Bytes> {
        None
    }

    /// Takes what [`hand_over`](Self::hand_over) of the instance before this one gave, after `init` and `warmup` and before the first
    /// client's request. It may come from older or newer code, so it should carry a version.
    ///
    /// # Errors
    ///
    /// An error or a panic is logged; the instance serves without the state.
    fn inherit(&self, _state: Bytes) -> Result<()> {
        Ok(())
    }
}

/// An `async fn` that can be an app. It takes a [`Request`] or nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function that `export!(app fn …)` can export",
    note = "write `async fn name() -> T` or `async fn name(req: Request) -> T`, where `T` implements \
            `IntoResponse`: text, bytes, `Json`, `Response`, `Result`, …"
)]
pub trait AppFn<Arguments>: Send + Sync {
    /// Runs it.
    fn run(&self, req: Request) -> impl Future<Output = Result> + Send;
}

impl<F, Fut> AppFn<()> for F
where
    F: Fn() -> Fut + Send + Sync,
    Fut: Future<Output: IntoResponse> + Send,
{
    async fn run(&self, _req: Request) -> Result {
        self().await.into_response()
    }
}

impl<F, Fut> AppFn<(Request,)> for F
where
    F: Fn(Request) -> Fut + Send + Sync,
    Fut: Future<Output: IntoResponse> + Send,
{
    async fn run(&self, req: Request) -> Result {
        self(req).await.into_response()
    }
}

/// Runs an `async fn` app.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn's `Send` is not general enough"
)]
pub fn call_app<A>(app: impl AppFn<A>, req: Request) -> impl Future<Output = Result> + Send {
    async move { app.run(req).await }
}

/// An `async fn` that can be a middleware.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function that `export!(middleware fn …)` can export",
    note = "write `async fn name(req: Request, next: Next<'_>) -> T`, where `T` implements `IntoResponse`"
)]
pub trait MiddlewareFn<'a>: Send + Sync {
    /// Runs it.
    fn run(&self, req: Request, next: Next<'a>) -> impl Future<Output = Result> + Send;
}

impl<'a, F, Fut> MiddlewareFn<'a> for F
where
    F: Fn(Request, Next<'a>) -> Fut + Send + Sync,
    Fut: Future<Output: IntoResponse> + Send,
{
    async fn run(&self, req: Request, next: Next<'a>) -> Result {
        self(req, next).await.into_response()
    }
}

/// Runs an `async fn` middleware.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn's `Send` is not general enough"
)]
pub fn call_middleware<'a>(
    middleware: impl MiddlewareFn<'a>,
    req: Request,
    next: Next<'a>,
) -> impl Future<Output = Result> + Send {
    async move { middleware.run(req, next).await }
}
