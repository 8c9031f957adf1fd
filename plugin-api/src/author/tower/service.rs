//! `export!(app service …)`.

use std::marker::PhantomData;

use super::HttpService;
use super::make::Make;
use crate::abi::plugin::entry;
use crate::abi::plugin::function::Function;
use crate::abi::root::HandlerEntry;
use crate::{App, Context, Request, Result};

/// Describes the app whose service `make` makes. With `TOKIO` it shares the runtime of its plugin.
pub const fn service<F, A, const TOKIO: bool>(make: F, name: &'static str) -> HandlerEntry
where
    F: Make<A, Made: HttpService>,
    A: 'static,
{
    Function::check(make);
    entry::app::<ServiceApp<F, A>, TOKIO>(name)
}

/// A tower service as an app.
struct ServiceApp<F: Make<A>, A> {
    service: F::Made,
    made_by: PhantomData<fn() -> (F, A)>,
}

impl<F, A> App for ServiceApp<F, A>
where
    F: Make<A, Made: HttpService>,
    A: 'static,
{
    type Config = F::Config;

    fn init(config: F::Config, cx: &Context) -> Result<Self> {
        let service = Function::<F>::get().make(config, cx)?;
        #[cfg(feature = "axum")]
        let service = super::axum::prepared(service);
        Ok(Self {
            service,
            made_by: PhantomData,
        })
    }

    async fn call(&self, req: Request) -> Result {
        // Each call has the service to itself, as in axum and hyper: clones share what they have to.
        let service = self.service.clone();
        #[cfg(feature = "axum")]
        return super::axum::answer(service, req).await;
        #[cfg(not(feature = "axum"))]
        service.answer(req.into_http_here()).await
    }
}
