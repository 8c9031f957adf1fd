//! The host's function table for plugins, and the types in it.

use abi_stable::StableAbi;
use abi_stable::std_types::RString;

use super::body::{RawBody, RawFile};
use super::counter::RawCounterReply;
use super::fetch::{RawFetch, RawFetchFuture};
use super::future::RawFuture;
use super::gauge::{RawGaugeReply, RawHistogramReply};
use super::guest::RawGuestReply;
use super::slice::RawSlice;
use super::store::{RawStoreAnswer, RawStoreRequest};
use super::thread_state::ThreadState;

macro_rules! opaque {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(StableAbi)]
        pub struct $name {
            _opaque: [u8; 0],
        }
    )*};
}

opaque! {
    /// The headers of a message. A request or response pointer may be used as one.
    HeadersObject,
    RequestObject,
    ResponseObject,
    ErrorObject,
    /// A handler's context, which is never freed.
    ContextObject,
    /// What is below one layer of a stack.
    NodeObject,
    TaskObject,
    /// One namespace of the store.
    StoreObject,
    /// A process that the host runs for a plugin.
    GuestObject,
    /// The client of one request.
    InformerObject,
}

/// The rest of the stack below a middleware; null for an app.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawNext {
    pub node: *const NodeObject,
}

/// A socket address: std's has no stable layout.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawAddress {
    /// 4, 6, or 0 for none (a unix socket).
    pub family: u8,
    pub port: u16,
    pub ip: [u8; 16],
}

/// The parts of a URI; each may be absent.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawUri<'a> {
    pub scheme: RawSlice<'a>,
    pub authority: RawSlice<'a>,
    pub path_and_query: RawSlice<'a>,
}

/// The parts of an error, borrowed from it.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawError<'a> {
    pub kind: RawErrorKind,
    /// The status for the client.
    pub status: u16,
    pub handler: RawSlice<'a>,
    pub message: RawSlice<'a>,
    /// A source location, or the path of a config key.
    pub place: RawSlice<'a>,
}

#[repr(u8)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub enum RawErrorKind {
    /// A handler returned it.
    Handler,
    /// A handler panicked.
    Panic,
    /// The config is invalid.
    Config,
    /// A body ended early, was too long or could not be read.
    Body,
}

/// How a response ended, borrowed for the hook's call.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawFinish<'a> {
    /// 0 if there was no response.
    pub status: u16,
    /// Null if there was no response.
    pub headers: *const HeadersObject,
    /// Null if it ended well.
    pub error: *const ErrorObject,
    pub body_bytes: u64,
    pub lifetime: std::marker::PhantomData<&'a ()>,
}

/// A closure that runs when the response has ended. Its call or its drop frees it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawHook {
    pub data: *mut (),
    pub call: unsafe extern "C" fn(data: *mut (), finish: RawFinish<'_>),
    pub drop: unsafe extern "C" fn(data: *mut ()),
}

/// What a library keeps in a request. Its drop frees it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawValue {
    pub data: *mut (),
    pub drop: unsafe extern "C" fn(data: *mut ()),
}

#[repr(u8)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetHeader {
    Insert,
    Append,
}

#[repr(u8)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeaderOutcome {
    Done,
    BadName,
    BadValue,
    TooMany,
}

#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Field<'a> {
    pub name: RawSlice<'a>,
    pub value: RawSlice<'a>,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct LogRecord<'a> {
    /// 1 error … 5 trace, as `tracing` and `log` order them.
    pub level: u8,
    pub plugin: RawSlice<'a>,
    pub target: RawSlice<'a>,
    pub message: RawSlice<'a>,
    pub fields: *const Field<'a>,
    pub field_count: usize,
}

/// A callback for names and values, called once for each pair.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Visitor {
    pub sink: *mut (),
    pub each: unsafe extern "C" fn(sink: *mut (), name: RawSlice<'_>, value: RawSlice<'_>),
}

/// The functions of the host: messages first, then services.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostTableRef)))]
#[sabi(missing_field(panic))]
pub struct HostTable {
    // Headers.
    pub header_get: unsafe extern "C" fn(
        headers: *const HeadersObject,
        name: RawSlice<'_>,
        index: usize,
    ) -> RawSlice<'static>,
    pub header_set: unsafe extern "C" fn(
        headers: *mut HeadersObject,
        name: RawSlice<'_>,
        value: RawSlice<'_>,
        how: SetHeader,
    ) -> HeaderOutcome,
    pub header_remove:
        unsafe extern "C" fn(headers: *mut HeadersObject, name: RawSlice<'_>) -> usize,
    pub header_visit: unsafe extern "C" fn(headers: *const HeadersObject, visitor: Visitor),
    pub header_clear: unsafe extern "C" fn(headers: *mut HeadersObject),

    // Requests.
    pub request_new: unsafe extern "C" fn() -> *mut RequestObject,
    pub request_drop: unsafe extern "C" fn(request: *mut RequestObject),
    pub request_method: unsafe extern "C" fn(request: *const RequestObject) -> RawSlice<'static>,
    pub request_set_method:
        unsafe extern "C" fn(request: *mut RequestObject, method: RawSlice<'_>) -> bool,
    pub request_uri: unsafe extern "C" fn(request: *const RequestObject) -> RawUri<'static>,
    pub request_set_uri:
        unsafe extern "C" fn(request: *mut RequestObject, uri: RawSlice<'_>) -> bool,
    pub request_script_name:
        unsafe extern "C" fn(request: *const RequestObject) -> RawSlice<'static>,
    pub request_path_info: unsafe extern "C" fn(request: *const RequestObject) -> RawSlice<'static>,
    pub request_set_paths: unsafe extern "C" fn(
        request: *mut RequestObject,
        script_name: RawSlice<'_>,
        path_info: RawSlice<'_>,
    ) -> bool,
    /// 9, 10, 11, 20 or 30.
    pub request_version: unsafe extern "C" fn(request: *const RequestObject) -> u8,
    pub request_scheme: unsafe extern "C" fn(request: *const RequestObject) -> RawSlice<'static>,
    pub request_remote: unsafe extern "C" fn(request: *const RequestObject) -> RawAddress,
    pub request_local: unsafe extern "C" fn(request: *const RequestObject) -> RawAddress,
    pub request_generation: unsafe extern "C" fn(request: *const RequestObject) -> u64,
    pub request_take_body: unsafe extern "C" fn(request: *mut RequestObject) -> RawBody,
    pub request_set_body: unsafe extern "C" fn(request: *mut RequestObject, body: RawBody),
    pub request_on_finish: unsafe extern "C" fn(request: *mut RequestObject, hook: RawHook),
    pub env_get:
        unsafe extern "C" fn(request: *const RequestObject, key: RawSlice<'_>) -> RawSlice<'static>,
    /// Sets the value, or removes it when the value is absent.
    pub env_set:
        unsafe extern "C" fn(request: *mut RequestObject, key: RawSlice<'_>, value: RawSlice<'_>),
    pub env_visit: unsafe extern "C" fn(request: *const RequestObject, visitor: Visitor),

    // Responses and bodies.
    /// A response with a body; `content_type` may be absent.
    pub response_new: unsafe extern "C" fn(
        status: u16,
        content_type: RawSlice<'_>,
        body: RawSlice<'_>,
    ) -> *mut ResponseObject,
    pub response_drop: unsafe extern "C" fn(response: *mut ResponseObject),
    pub response_status: unsafe extern "C" fn(response: *const ResponseObject) -> u16,
    pub response_set_status:
        unsafe extern "C" fn(response: *mut ResponseObject, status: u16) -> bool,
    pub response_take_body: unsafe extern "C" fn(response: *mut ResponseObject) -> RawBody,
    pub response_set_body: unsafe extern "C" fn(response: *mut ResponseObject, body: RawBody),
    pub body_full: unsafe extern "C" fn(bytes: RawSlice<'_>) -> RawBody,

    // Errors.
    pub error_new: unsafe extern "C" fn(error: RawError<'_>) -> *mut ErrorObject,
    pub error_read: unsafe extern "C" fn(error: *const ErrorObject) -> RawError<'static>,
    pub error_drop: unsafe extern "C" fn(error: *mut ErrorObject),

    // The stack.
    pub next_run: unsafe extern "C" fn(next: RawNext, request: *mut RequestObject) -> RawFuture,

    // Services.
    /// The state of the calling thread, which only that thread may write. On entering a handler, the
    /// caller stores its context there; on leaving, it restores the previous one.
    pub thread_state: unsafe extern "C" fn() -> &'static ThreadState,
    pub log: unsafe extern "C" fn(record: &LogRecord<'_>),
    /// The most verbose level to log: 0 none … 5 trace.
    pub log_level: unsafe extern "C" fn() -> u8,
    pub sleep: unsafe extern "C" fn(nanoseconds: u64) -> RawFuture,
    pub context_handler: unsafe extern "C" fn(context: *const ContextObject) -> RawSlice<'static>,
    pub context_environment:
        unsafe extern "C" fn(context: *const ContextObject) -> RawSlice<'static>,
    pub context_directory: unsafe extern "C" fn(context: *const ContextObject) -> RString,
    /// Reports a contained panic of this handler.
    pub context_panicked: unsafe extern "C" fn(
        context: *const ContextObject,
        message: RawSlice<'_>,
        place: RawSlice<'_>,
    ),
    pub task_spawn: unsafe extern "C" fn(
        context: *const ContextObject,
        name: RawSlice<'_>,
        future: RawFuture,
    ) -> *mut TaskObject,
    pub task_abort: unsafe extern "C" fn(task: *const TaskObject),
    pub task_drop: unsafe extern "C" fn(task: *mut TaskObject),
    #[sabi(last_prefix_field)]
    pub request_fork: unsafe extern "C" fn(request: *mut RequestObject) -> *mut RequestObject,

    // The store.
    /// Opens a namespace; an absent one is the plugin's own.
    pub store_open: unsafe extern "C" fn(
        context: *const ContextObject,
        namespace: RawSlice<'_>,
    ) -> *mut StoreObject,
    pub store_close: unsafe extern "C" fn(store: *mut StoreObject),
    pub store_call: unsafe extern "C" fn(
        store: *const StoreObject,
        request: &RawStoreRequest<'_>,
    ) -> RawStoreAnswer,

    // Calls that outlive their request.
    /// Whether `next_detach` works on this thread now: today's host says no. [`HostExtension::next_can_detach`] tells of a call.
    pub can_detach: unsafe extern "C" fn() -> bool,
    /// As `next_run`; the future keeps the stack alive.
    pub next_detach: unsafe extern "C" fn(next: RawNext, request: *mut RequestObject) -> RawFuture,

    // Headers of errors, and values in requests.
    /// The headers for the client; null if there are none, unless `create` is set.
    #[sabi(missing_field(option))]
    pub error_headers:
        unsafe extern "C" fn(error: *mut ErrorObject, create: bool) -> *mut HeadersObject,
    /// What the `library` keeps in the request; null if nothing.
    pub request_value:
        unsafe extern "C" fn(request: *const RequestObject, library: *const ()) -> *mut (),
    /// Keeps something in the request, in place of what the `library` has kept there.
    pub request_set_value:
        unsafe extern "C" fn(request: *mut RequestObject, library: *const (), value: RawValue),

    // The life of an instance.
    /// Whether the instance is only tried, and never serves.
    pub context_is_trial: unsafe extern "C" fn(context: *const ContextObject) -> bool,
    /// A future that resolves once the instance was replaced, or its process begins to end.
    pub context_retiring: unsafe extern "C" fn(context: *const ContextObject) -> RawFuture,
    /// A future that resolves once the request has a deadline.
    pub request_draining: unsafe extern "C" fn(request: *const RequestObject) -> RawFuture,

    // Counters.
    /// A counter of the handler's, with the count so far.
    #[sabi(missing_field(option))]
    pub counter_open: unsafe extern "C" fn(
        context: *const ContextObject,
        name: RawSlice<'_>,
        help: RawSlice<'_>,
        labels: *const Field<'_>,
        label_count: usize,
    ) -> RawCounterReply,

    // Requests to other servers.
    #[sabi(missing_field(option))]
    pub fetch: unsafe extern "C" fn(
        context: *const ContextObject,
        request: *mut RequestObject,
        options: RawFetch<'_>,
    ) -> RawFetchFuture,

    // Filters of the log.
    /// Which handlers' records of this level and target are logged: 0 none's, 1 some handlers', 2 all handlers'.
    #[sabi(missing_field(option))]
    pub log_interest: unsafe extern "C" fn(level: u8, target: RawSlice<'_>) -> u8,
    /// Whether such a record is logged now: by the handler that runs on this thread, or by the plugin if none does.
    #[sabi(missing_field(option))]
    pub log_wants:
        unsafe extern "C" fn(level: u8, target: RawSlice<'_>, plugin: RawSlice<'_>) -> bool,

    // It is full: abi_stable's derive counts at most 64 fields.
    /// What came later.
    #[sabi(missing_field(option))]
    pub more: HostExtensionRef,
}

/// The functions of the host that [`HostTable`] has no room for.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostExtensionRef)))]
#[sabi(missing_field(option))]
pub struct HostExtension {
    // Processes that answer requests.
    /// Starts one by `options` (JSON), or takes over one that runs: for `init` only. The host waits until it is ready.
    pub guest_open:
        unsafe extern "C" fn(context: *const ContextObject, options: RawSlice<'_>) -> RawGuestReply,
    pub guest_close: unsafe extern "C" fn(guest: *mut GuestObject),
    /// As `fetch`; the target's authority is only the host's name.
    #[sabi(last_prefix_field)]
    pub guest_fetch: unsafe extern "C" fn(
        context: *const ContextObject,
        guest: *const GuestObject,
        request: *mut RequestObject,
        options: RawFetch<'_>,
    ) -> RawFetchFuture,

    // Changes of protocol.
    /// The protocols that the client offers to change to, in the form of `upgrade` (RFC 9110 §7.8); absent if the connection
    /// can't change.
    pub request_protocols: unsafe extern "C" fn(request: *const RequestObject) -> RawSlice<'static>,
    /// Takes what the client sends once the connection has changed.
    pub request_upgrade: unsafe extern "C" fn(request: *mut RequestObject) -> RawBody,
    /// Makes the response a 101 that changes to `protocol`: its body is what the client gets from then on. False if `protocol`
    /// is invalid.
    pub response_accept:
        unsafe extern "C" fn(response: *mut ResponseObject, protocol: RawSlice<'_>) -> bool,
    /// The protocol that the response changes to; absent if none.
    pub response_accepted:
        unsafe extern "C" fn(response: *const ResponseObject) -> RawSlice<'static>,

    // Interim responses.
    /// What informs the request's client; null if that can't be.
    pub request_informer:
        unsafe extern "C" fn(request: *const RequestObject) -> *mut InformerObject,
    pub informer_drop: unsafe extern "C" fn(informer: *mut InformerObject),
    /// Sends an interim response; false if it is too late.
    pub inform: unsafe extern "C" fn(
        informer: *const InformerObject,
        status: u16,
        headers: *const HeadersObject,
    ) -> bool,

    // Changes of protocol on connections to other servers.
    /// Has `fetch` offer these `protocols`, some of those that the client offers. What the client sends goes to a server that
    /// accepts one. False if the client offers nothing.
    pub request_forward_offer:
        unsafe extern "C" fn(request: *mut RequestObject, protocols: RawSlice<'_>) -> bool,
    /// The same for the handler's own: a server that accepts gets `outgoing`.
    pub request_offer: unsafe extern "C" fn(
        request: *mut RequestObject,
        protocols: RawSlice<'_>,
        outgoing: RawBody,
    ),

    // Calls that outlive their request.
    /// Whether `next_detach` works for this call.
    pub next_can_detach: unsafe extern "C" fn(next: RawNext) -> bool,

    // Files.
    /// The same body, whose bytes are those of a file from `start` on. Nothing changes if it has no exact length.
    pub body_with_file: unsafe extern "C" fn(body: RawBody, file: RawFile, start: u64) -> RawBody,

    // Certificates of clients.
    /// A part of the certificate by which the client has identified itself: `der`, `subject`, `common_name`, `dns`, `email`, `uri` or `ip`,
    /// counted by `index`; absent if there is none.
    pub request_client_certificate: unsafe extern "C" fn(
        request: *const RequestObject,
        part: RawSlice<'_>,
        index: usize,
    ) -> RawSlice<'static>,

    // Figures.
    /// All figures of the process as text: OpenMetrics 1.0, or else Prometheus' text format 0.0.4. May block for milliseconds.
    pub metrics_text: unsafe extern "C" fn(is_open_metrics: bool) -> RString,
    /// As `counter_open`, for a gauge.
    pub gauge_open: unsafe extern "C" fn(
        context: *const ContextObject,
        name: RawSlice<'_>,
        help: RawSlice<'_>,
        labels: *const Field<'_>,
        label_count: usize,
    ) -> RawGaugeReply,
    /// As `counter_open`, for a histogram with these upper bounds, in ascending order.
    pub histogram_open: unsafe extern "C" fn(
        context: *const ContextObject,
        name: RawSlice<'_>,
        help: RawSlice<'_>,
        labels: *const Field<'_>,
        label_count: usize,
        bounds: *const f64,
        bound_count: usize,
    ) -> RawHistogramReply,
    // The table grows here, at its end.
}
