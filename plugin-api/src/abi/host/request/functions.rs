//! The functions of the host's table that take a request.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Method, Uri, Version};

use super::target::{canonicalize, with_path};
use super::{Connection, HostRequest, State};
use crate::abi::body::RawBody;
use crate::abi::future::RawFuture;
use crate::abi::host::body::HostBody;
use crate::abi::host::draining;
use crate::abi::host::headers::pool;
use crate::abi::host::informer;
use crate::abi::slice::RawSlice;
use crate::abi::tables::{InformerObject, RawAddress, RawHook, RawUri, RequestObject, Visitor};
use crate::path::canonical;

/// # Safety
///
/// The plugin's handle is alive and borrowed for `'a`.
pub(super) unsafe fn state<'a>(request: *const RequestObject) -> &'a State {
    // SAFETY: handles point to boxed states.
    unsafe { &*request.cast() }
}

/// # Safety
///
/// The plugin's handle is alive and borrowed mutably for `'a`.
pub(super) unsafe fn state_mut<'a>(request: *mut RequestObject) -> &'a mut State {
    // SAFETY: handles point to boxed states.
    unsafe { &mut *request.cast() }
}

pub(in crate::abi::host) unsafe extern "C" fn new() -> *mut RequestObject {
    let (parts, ()) = http::Request::new(()).into_parts();
    HostRequest::new(
        parts,
        HostBody::Empty,
        Connection::default(),
        Arc::default(),
    )
    .into_object()
}

pub(in crate::abi::host) unsafe extern "C" fn free(request: *mut RequestObject) {
    // SAFETY: the plugin gives up the handle that it owned.
    let mut request = unsafe { HostRequest::from_object(request) };
    pool::put(std::mem::take(&mut request.0.headers));
}

pub(in crate::abi::host) unsafe extern "C" fn method(
    request: *const RequestObject,
) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is alive and borrowed.
    RawSlice::text(unsafe { state(request) }.method.as_str())
}

pub(in crate::abi::host) unsafe extern "C" fn set_method(
    request: *mut RequestObject,
    method: RawSlice<'_>,
) -> bool {
    // SAFETY: the plugin's handle is borrowed mutably.
    let state = unsafe { state_mut(request) };
    Method::from_bytes(method.or_empty())
        .map(|method| state.method = method)
        .is_ok()
}

pub(in crate::abi::host) unsafe extern "C" fn uri(
    request: *const RequestObject,
) -> RawUri<'static> {
    // SAFETY: the plugin's handle is alive and borrowed.
    let uri = &unsafe { state(request) }.uri;
    let text = |part: Option<&'static str>| RawSlice::maybe(part.map(str::as_bytes));
    RawUri {
        scheme: text(uri.scheme_str()),
        authority: text(uri.authority().map(http::uri::Authority::as_str)),
        path_and_query: text(uri.path_and_query().map(http::uri::PathAndQuery::as_str)),
    }
}

pub(in crate::abi::host) unsafe extern "C" fn set_uri(
    request: *mut RequestObject,
    uri: RawSlice<'_>,
) -> bool {
    // SAFETY: the plugin's handle is borrowed mutably.
    let state = unsafe { state_mut(request) };
    let Ok(mut uri) = Uri::try_from(uri.or_empty()) else {
        return false;
    };
    let done = canonicalize(&mut uri).is_ok();
    if done {
        state.set_target(uri, 0);
    }
    done
}

pub(in crate::abi::host) unsafe extern "C" fn script_name(
    request: *const RequestObject,
) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is alive and borrowed.
    RawSlice::text(unsafe { state(request) }.script_name())
}

pub(in crate::abi::host) unsafe extern "C" fn path_info(
    request: *const RequestObject,
) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is alive and borrowed.
    RawSlice::text(unsafe { state(request) }.path_info())
}

/// An absent argument leaves its value. Rack's rules: `SCRIPT_NAME` is empty or begins with `/`, but does
/// not end with one. `PATH_INFO` is empty, begins with `/`, or is `*` (OPTIONS). Each is put into canonical form.
pub(in crate::abi::host) unsafe extern "C" fn set_paths(
    request: *mut RequestObject,
    script_name: RawSlice<'_>,
    path_info: RawSlice<'_>,
) -> bool {
    // SAFETY: the plugin's handle is borrowed mutably.
    let state = unsafe { state_mut(request) };
    let script = script_name.bytes().map(|_| script_name.str());
    let info = path_info.bytes().map(|_| path_info.str());
    let script = script.unwrap_or_else(|| state.script_name());
    let info = info.unwrap_or_else(|| state.path_info());
    let Some((uri, at)) = joined(&state.uri, script, info) else {
        return false;
    };
    state.set_target(uri, at);
    true
}

/// The URI with this path, and where its `PATH_INFO` begins.
fn joined(uri: &Uri, script_name: &str, path_info: &str) -> Option<(Uri, usize)> {
    let part = |text| match text {
        "" => Some("".into()),
        text => canonical(text).ok(),
    };
    let script = part(script_name).filter(|script| !script.ends_with('/'))?;
    let (path, at) = match path_info {
        "*" if script.is_empty() => ("*".to_owned(), 0),
        "" if script.is_empty() => ("/".to_owned(), 1),
        info => (format!("{script}{}", part(info)?), script.len()),
    };
    Some((with_path(uri, path).ok()?, at))
}

pub(in crate::abi::host) unsafe extern "C" fn version(request: *const RequestObject) -> u8 {
    // SAFETY: the plugin's handle is alive and borrowed.
    match unsafe { state(request) }.version {
        Version::HTTP_09 => 9,
        Version::HTTP_10 => 10,
        Version::HTTP_2 => 20,
        Version::HTTP_3 => 30,
        _ => 11,
    }
}

pub(in crate::abi::host) unsafe extern "C" fn scheme(
    request: *const RequestObject,
) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is alive and borrowed.
    let state = unsafe { state(request) };
    let scheme = if state.connection.https {
        "https"
    } else {
        "http"
    };
    RawSlice::text(state.uri.scheme_str().unwrap_or(scheme))
}

fn address(address: Option<SocketAddr>) -> RawAddress {
    let mut raw = RawAddress {
        family: 0,
        port: 0,
        ip: [0; 16],
    };
    match address {
        Some(SocketAddr::V4(v4)) => {
            raw.family = 4;
            raw.port = v4.port();
            raw.ip[..4].copy_from_slice(&v4.ip().octets());
        }
        Some(SocketAddr::V6(v6)) => {
            raw.family = 6;
            raw.port = v6.port();
            raw.ip = v6.ip().octets();
        }
        None => {}
    }
    raw
}

pub(in crate::abi::host) unsafe extern "C" fn remote(request: *const RequestObject) -> RawAddress {
    // SAFETY: the plugin's handle is alive and borrowed.
    address(unsafe { state(request) }.connection.remote)
}

pub(in crate::abi::host) unsafe extern "C" fn local(request: *const RequestObject) -> RawAddress {
    // SAFETY: the plugin's handle is alive and borrowed.
    address(unsafe { state(request) }.connection.local)
}

pub(in crate::abi::host) unsafe extern "C" fn generation(request: *const RequestObject) -> u64 {
    // SAFETY: the plugin's handle is alive and borrowed.
    unsafe { state(request) }.exchange.generation()
}

pub(in crate::abi::host) unsafe extern "C" fn draining(request: *const RequestObject) -> RawFuture {
    // SAFETY: the plugin's handle is alive and borrowed.
    draining::draining(&unsafe { state(request) }.exchange)
}

pub(in crate::abi::host) unsafe extern "C" fn informer(
    request: *const RequestObject,
) -> *mut InformerObject {
    // SAFETY: the plugin's handle is alive and borrowed.
    informer::of(&unsafe { state(request) }.exchange)
}

pub(in crate::abi::host) unsafe extern "C" fn take_body(request: *mut RequestObject) -> RawBody {
    // SAFETY: the plugin's handle is borrowed mutably.
    std::mem::take(&mut unsafe { state_mut(request) }.body).into_raw()
}

pub(in crate::abi::host) unsafe extern "C" fn set_body(request: *mut RequestObject, body: RawBody) {
    // SAFETY: the plugin's handle is borrowed mutably.
    unsafe { state_mut(request) }.body = HostBody::from_raw(body);
}

pub(in crate::abi::host) unsafe extern "C" fn on_finish(
    request: *mut RequestObject,
    hook: RawHook,
) {
    // SAFETY: the plugin's handle is alive.
    unsafe { state(request) }.exchange.add(hook);
}

pub(in crate::abi::host) unsafe extern "C" fn env_get(
    request: *const RequestObject,
    key: RawSlice<'_>,
) -> RawSlice<'static> {
    // SAFETY: the plugin's handle is alive and borrowed.
    let env = &unsafe { state(request) }.env;
    let key = key.str();
    RawSlice::maybe(
        env.iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_bytes()),
    )
}

pub(in crate::abi::host) unsafe extern "C" fn env_set(
    request: *mut RequestObject,
    key: RawSlice<'_>,
    value: RawSlice<'_>,
) {
    // SAFETY: the plugin's handle is borrowed mutably.
    let env = &mut unsafe { state_mut(request) }.env;
    let key = key.str();
    let place = env.iter().position(|(name, _)| name == key);
    match (place, value.bytes()) {
        (Some(at), Some(_)) => env[at].1 = value.str().to_owned(),
        (Some(at), None) => drop(env.remove(at)),
        (None, Some(_)) => env.push((key.to_owned(), value.str().to_owned())),
        (None, None) => {}
    }
}

pub(in crate::abi::host) unsafe extern "C" fn env_visit(
    request: *const RequestObject,
    visitor: Visitor,
) {
    // SAFETY: the plugin's handle is alive and borrowed.
    for (name, value) in &unsafe { state(request) }.env {
        // SAFETY: the plugin gave `each` with its `sink`.
        unsafe { (visitor.each)(visitor.sink, RawSlice::text(name), RawSlice::text(value)) };
    }
}

pub(in crate::abi::host) unsafe extern "C" fn fork(
    request: *mut RequestObject,
) -> *mut RequestObject {
    // SAFETY: the plugin's handle is borrowed mutably, and `ManuallyDrop` leaves it to the plugin.
    let mut own = std::mem::ManuallyDrop::new(unsafe { HostRequest::from_object(request) });
    own.exchange().forked();
    own.fork().into_object()
}
