//! A plugin's handle to a request that the host owns.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::context::{ContextHandle, Draining};
use super::headers::HeadersHandle;
use super::informer::InformerHandle;
use super::scope::HandlerScope;
use super::{errors, host, panics};
use crate::abi::body::RawBody;
use crate::abi::future::UnitFuture;
use crate::abi::slice::RawSlice;
use crate::abi::tables::{
    RawAddress, RawFinish, RawHook, RawUri, RawValue, RequestObject, Visitor,
};
use crate::author::finished::Finished;

/// The only handle to a request. Dropping it drops the request.
pub(crate) struct RequestHandle(*mut RequestObject);

// SAFETY: the host's request is Send and Sync, and the handle is unique.
unsafe impl Send for RequestHandle {}
// SAFETY: as above.
unsafe impl Sync for RequestHandle {}

impl Drop for RequestHandle {
    fn drop(&mut self) {
        // SAFETY: the handle owns the request.
        unsafe { host().request_drop()(self.0) }
    }
}

/// A host function that reads a text of a request.
type Text = unsafe extern "C" fn(*const RequestObject) -> RawSlice<'static>;

impl RequestHandle {
    pub(crate) fn new() -> Self {
        // SAFETY: an attached host's function.
        Self(unsafe { host().request_new()() })
    }

    /// # Safety
    ///
    /// The host hands the request over.
    pub(crate) unsafe fn from_object(object: *mut RequestObject) -> Self {
        Self(object)
    }

    pub(crate) fn into_object(self) -> *mut RequestObject {
        std::mem::ManuallyDrop::new(self).0
    }

    pub(crate) fn fork(&mut self) -> Self {
        // SAFETY: the request is alive and ours; what comes back is, too.
        Self(unsafe { host().request_fork()(self.0) })
    }

    pub(crate) fn headers(&self) -> HeadersHandle<'_> {
        // SAFETY: a request begins with its headers; edits go through `headers_mut`.
        unsafe { HeadersHandle::new(self.0.cast()) }
    }

    pub(crate) fn headers_mut(&mut self) -> HeadersHandle<'_> {
        self.headers()
    }

    fn text(&self, read: Text) -> &str {
        // SAFETY: the request is alive, and lent for as long as the text is.
        unsafe { read(self.0) }.str()
    }

    pub(crate) fn method(&self) -> &str {
        self.text(host().request_method())
    }

    pub(crate) fn script_name(&self) -> &str {
        self.text(host().request_script_name())
    }

    pub(crate) fn path_info(&self) -> &str {
        self.text(host().request_path_info())
    }

    pub(crate) fn scheme(&self) -> &str {
        self.text(host().request_scheme())
    }

    pub(crate) fn uri(&self) -> RawUri<'_> {
        // SAFETY: the request is alive, and lent for as long as the parts are.
        unsafe { host().request_uri()(self.0) }
    }

    pub(crate) fn set_method(&mut self, method: &str) -> bool {
        // SAFETY: the request is alive and ours.
        unsafe { host().request_set_method()(self.0, RawSlice::text(method)) }
    }

    pub(crate) fn set_uri(&mut self, uri: &str) -> bool {
        // SAFETY: the request is alive and ours.
        unsafe { host().request_set_uri()(self.0, RawSlice::text(uri)) }
    }

    pub(crate) fn set_paths(&mut self, script_name: Option<&str>, path_info: Option<&str>) -> bool {
        let [script_name, path_info] =
            [script_name, path_info].map(|text| RawSlice::maybe(text.map(str::as_bytes)));
        // SAFETY: the request is alive and ours.
        unsafe { host().request_set_paths()(self.0, script_name, path_info) }
    }

    pub(crate) fn version(&self) -> u8 {
        // SAFETY: the request is alive.
        unsafe { host().request_version()(self.0) }
    }

    pub(crate) fn generation(&self) -> u64 {
        // SAFETY: the request is alive.
        unsafe { host().request_generation()(self.0) }
    }

    pub(crate) fn draining(&self) -> Draining {
        // SAFETY: the request is alive.
        Draining(UnitFuture::new(unsafe {
            host().request_draining()(self.0)
        }))
    }

    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        // SAFETY: the request is alive.
        address(unsafe { host().request_remote()(self.0) })
    }

    pub(crate) fn local(&self) -> Option<SocketAddr> {
        // SAFETY: the request is alive.
        address(unsafe { host().request_local()(self.0) })
    }

    pub(crate) fn env_get(&self, key: &str) -> Option<&str> {
        // SAFETY: the request is alive, and lent for as long as the value is.
        let value = unsafe { host().env_get()(self.0, RawSlice::text(key)) };
        value.bytes().map(|_| value.str())
    }

    pub(crate) fn env_set(&mut self, key: &str, value: Option<&str>) {
        let value = value.map_or(RawSlice::ABSENT, RawSlice::text);
        // SAFETY: the request is alive and ours.
        unsafe { host().env_set()(self.0, RawSlice::text(key), value) }
    }

    pub(crate) fn env_all(&self) -> Vec<(String, String)> {
        unsafe extern "C" fn push(sink: *mut (), name: RawSlice<'_>, value: RawSlice<'_>) {
            // SAFETY: `sink` is the vector below.
            let list = unsafe { &mut *sink.cast::<Vec<(String, String)>>() };
            list.push((name.str().to_owned(), value.str().to_owned()));
        }
        let mut list: Vec<(String, String)> = Vec::new();
        // SAFETY: the request is alive, and `push` takes this sink.
        unsafe {
            host().env_visit()(
                self.0,
                Visitor {
                    sink: (&raw mut list).cast(),
                    each: push,
                },
            )
        };
        list
    }

    /// The client, for interim responses; none also on a host that is older than them.
    pub(crate) fn informer(&self) -> Option<InformerHandle> {
        let informer = host().more()?.request_informer()?;
        // SAFETY: the request is alive; what comes back is ours.
        unsafe { InformerHandle::from_object(informer(self.0)) }
    }

    /// What the client offers to change to; none also on a host that is older than upgrades.
    pub(crate) fn protocols(&self) -> Option<&str> {
        let protocols = host().more()?.request_protocols()?;
        // SAFETY: the request is alive, and lent for as long as the text is.
        let protocols = unsafe { protocols(self.0) };
        protocols.bytes().map(|_| protocols.str())
    }

    /// A part of the client's certificate; none also on a host that is older than those.
    pub(crate) fn certificate_part(&self, name: &str, index: usize) -> Option<&[u8]> {
        let part = host().more()?.request_client_certificate()?;
        // SAFETY: the request is alive, and lent for as long as the part is.
        unsafe { part(self.0, RawSlice::text(name), index) }.bytes()
    }

    /// Takes what the client sends once the connection has changed.
    pub(crate) fn upgrade(&mut self) -> Option<RawBody> {
        let upgrade = host().more()?.request_upgrade()?;
        // SAFETY: the request is alive and ours.
        Some(unsafe { upgrade(self.0) })
    }

    /// Has `fetch` offer `protocols`, which the client offers; false if it can't.
    pub(crate) fn forward_offer(&mut self, protocols: &str) -> bool {
        let Some(forward) = host().more().and_then(|more| more.request_forward_offer()) else {
            return false;
        };
        // SAFETY: the request is alive and ours.
        unsafe { forward(self.0, RawSlice::text(protocols)) }
    }

    /// Has `fetch` offer `protocols`: the server gets `outgoing`. False on a host that is older than this.
    pub(crate) fn offer(&mut self, protocols: &str, outgoing: RawBody) -> bool {
        let Some(offer) = host().more().and_then(|more| more.request_offer()) else {
            return false;
        };
        // SAFETY: the request is alive and ours; the body is handed over.
        unsafe { offer(self.0, RawSlice::text(protocols), outgoing) };
        true
    }

    pub(crate) fn take_body(&mut self) -> RawBody {
        // SAFETY: the request is alive and ours.
        unsafe { host().request_take_body()(self.0) }
    }

    pub(crate) fn set_body(&mut self, body: RawBody) {
        // SAFETY: the request is alive and ours.
        unsafe { host().request_set_body()(self.0, body) }
    }

    pub(crate) fn on_finish<F>(&mut self, f: F)
    where
        F: FnOnce(&Finished<'_>) + Send + 'static,
    {
        let hook = Box::new(Hook {
            f,
            scope: HandlerScope::current(),
        });
        let raw = RawHook {
            data: Box::into_raw(hook).cast(),
            call: Hook::<F>::call,
            drop: Hook::<F>::free,
        };
        // SAFETY: the request is alive, and the hook's functions take this data.
        unsafe { host().request_on_finish()(self.0, raw) }
    }
}

impl RequestHandle {
    /// What this library keeps in the request.
    pub(crate) fn values(&self) -> Option<&Values> {
        // SAFETY: the request is alive.
        let data = unsafe { host().request_value()(self.0, library()) };
        // SAFETY: null or what `values_mut` has set, alive for as long as the request and lent with it.
        unsafe { data.cast::<KeptValues>().as_ref() }.map(|kept| &kept.values)
    }

    /// The same, for editing; made if there is none yet.
    pub(crate) fn values_mut(&mut self) -> &mut Values {
        // SAFETY: the request is alive and ours.
        let mut data = unsafe { host().request_value()(self.0, library()) };
        if data.is_null() {
            let kept = Box::new(KeptValues {
                values: Values::default(),
                scope: HandlerScope::current(),
            });
            data = Box::into_raw(kept).cast();
            let drop = KeptValues::free;
            // SAFETY: the request is alive and ours, and the function takes this data.
            unsafe { host().request_set_value()(self.0, library(), RawValue { data, drop }) };
        }
        // SAFETY: what was set above, or earlier; alive for as long as the request, which is borrowed mutably.
        &mut unsafe { &mut *data.cast::<KeptValues>() }.values
    }
}

/// One value of each type.
pub(crate) type Values = HashMap<TypeId, Box<dyn Any + Send + Sync>>;

/// What this library keeps in a request, and the scope in which it is dropped.
struct KeptValues {
    values: Values,
    scope: HandlerScope,
}

impl KeptValues {
    unsafe extern "C" fn free(data: *mut ()) {
        // SAFETY: made by `values_mut`, and called once.
        let Self { values, scope } = *unsafe { Box::from_raw(data.cast::<Self>()) };
        let entered = scope.enter();
        let done = panics::contain(|| drop(values));
        drop(entered);
        if let Err(panic) = done {
            panic.report("the drop of a request's value", scope.context());
        }
    }
}

/// An address that no other library has, nor another version of this one: `TypeId`s mean nothing there.
fn library() -> *const () {
    static LIBRARY: u8 = 0;
    (&raw const LIBRARY).cast()
}

struct Hook<F> {
    f: F,
    scope: HandlerScope,
}

impl<F: FnOnce(&Finished<'_>)> Hook<F> {
    unsafe extern "C" fn call(data: *mut (), raw: RawFinish<'_>) {
        // SAFETY: made by `on_finish` and called once.
        let Self { f, scope } = *unsafe { Box::from_raw(data.cast::<Self>()) };
        // SAFETY: null or alive for the call.
        let error = unsafe { errors::read(raw.error) };
        let headers = (!raw.headers.is_null())
            // SAFETY: alive for the call, and only read.
            .then(|| unsafe { HeadersHandle::new(raw.headers.cast_mut()) });
        let entered = scope.enter();
        let done = panics::contain(|| {
            f(&Finished::new(raw.status, headers, error, raw.body_bytes));
        });
        drop(entered);
        report(done, scope.context());
    }

    unsafe extern "C" fn free(data: *mut ()) {
        // SAFETY: made by `on_finish` and not called.
        let Self { f, scope } = *unsafe { Box::from_raw(data.cast::<Self>()) };
        report(panics::contain(|| drop(f)), scope.context());
    }
}

fn report(done: Result<(), panics::Panic>, context: Option<ContextHandle>) {
    if let Err(panic) = done {
        panic.report("an after-the-response hook", context);
    }
}

fn address(raw: RawAddress) -> Option<SocketAddr> {
    let ip = match raw.family {
        4 => {
            let [a, b, c, d, ..] = raw.ip;
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        6 => IpAddr::V6(Ipv6Addr::from(raw.ip)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, raw.port))
}
