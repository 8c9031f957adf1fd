//! A plugin's side of a request to another server.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::StatusCode;

use super::context::ContextHandle;
use super::guest::GuestHandle;
use super::headers::HeadersHandle;
use super::response::ResponseHandle;
use super::scope::HandlerScope;
use super::{host, panics};
use crate::abi::fetch::{
    RawFetch, RawFetchFailure, RawFetchFuture, RawFetchPoll, RawInformational,
};
use crate::abi::tables::HeadersObject;
use crate::abi::waker;
use crate::{Headers, Request, Response};

/// What is called with each 1xx response.
pub(crate) trait OnInformational:
    Fn(StatusCode, Headers<'_>) + Send + Sync + 'static
{
}

impl<F: Fn(StatusCode, Headers<'_>) + Send + Sync + 'static> OnInformational for F {}

/// A request that the host sends. Dropping it cancels the request.
pub(crate) struct FetchHandle(Option<RawFetchFuture>);

impl FetchHandle {
    /// Hands the request to the host, for a guest or another server; `None` if the host is older than this.
    pub(crate) fn start(
        context: ContextHandle,
        guest: Option<&GuestHandle>,
        request: Request,
        options: RawFetch<'_>,
    ) -> Option<Self> {
        let future = match guest {
            Some(guest) => {
                // The host has lent the guest.
                let fetch = host().more()?.guest_fetch();
                let (context, guest) = (context.as_object(), guest.as_object());
                // SAFETY: as below; the guest is alive during the call.
                unsafe { fetch(context, guest, request.into_object(), options) }
            }
            None => {
                let Some(fetch) = host().fetch() else {
                    let RawInformational { data, drop, .. } = options.informational;
                    if !data.is_null() {
                        // SAFETY: the closure is ours, and nothing else frees it.
                        unsafe { drop(data) };
                    }
                    return None;
                };
                // SAFETY: a context of the host's; the request is handed over, the options are lent for the call.
                unsafe { fetch(context.as_object(), request.into_object(), options) }
            }
        };
        Some(Self(Some(future)))
    }
}

impl Future for FetchHandle {
    type Output = Result<Response, RawFetchFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.0 else {
            return Poll::Pending;
        };
        // SAFETY: polled until ready only; the waker is lent for the call.
        let polled = waker::lend(cx.waker(), |waker| unsafe { future.poll(waker) });
        let output = match polled {
            RawFetchPoll::Pending => return Poll::Pending,
            // SAFETY: a response that we own from here on.
            RawFetchPoll::Ready(response) => Ok(Response::from_handle(unsafe {
                ResponseHandle::from_object(response)
            })),
            RawFetchPoll::Failed(failure) => Err(failure),
        };
        self.0 = None;
        Poll::Ready(output)
    }
}

/// A closure for 1xx responses, with the scope that it runs in.
struct Informational {
    f: Box<dyn OnInformational>,
    scope: HandlerScope,
}

/// Passes a closure across the boundary.
pub(crate) fn informational(f: Option<Box<dyn OnInformational>>) -> RawInformational {
    unsafe extern "C" fn call(data: *mut (), status: u16, headers: *const HeadersObject) {
        // SAFETY: the host lends the data below.
        let this = unsafe { &*data.cast::<Informational>() };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::CONTINUE);
        // SAFETY: the host lends the headers for the call, and they are only read.
        let headers = Headers::new(unsafe { HeadersHandle::new(headers.cast_mut()) });
        let entered = this.scope.enter();
        let called = panics::contain(|| (this.f)(status, headers));
        drop(entered);
        if let Err(panic) = called {
            panic.report("a closure for 1xx responses", this.scope.context());
        }
    }
    unsafe extern "C" fn free(data: *mut ()) {
        // SAFETY: the data below, given up by the host.
        let this = unsafe { Box::from_raw(data.cast::<Informational>()) };
        let Informational { f, scope } = *this;
        let entered = scope.enter();
        let dropped = panics::contain(|| drop(f));
        drop(entered);
        if let Err(panic) = dropped {
            panic.report("the drop of a closure for 1xx responses", scope.context());
        }
    }
    let data = f.map_or(std::ptr::null_mut(), |f| {
        let scope = HandlerScope::current();
        Box::into_raw(Box::new(Informational { f, scope })).cast()
    });
    RawInformational {
        data,
        call,
        drop: free,
    }
}
