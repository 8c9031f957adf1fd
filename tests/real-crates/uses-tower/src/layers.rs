//! Layers of tower and tower-http.

use std::time::Duration;

use stackup_plugin::http::{Request, StatusCode};
use stackup_plugin::tower::{Below, HttpService};
use tower::{Layer, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::classify::{ServerErrorsAsFailures, SharedClassifier};
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

/// Also has something to catch.
pub fn catch_panic() -> impl Layer<Below, Service: HttpService> {
    let layers = ServiceBuilder::new().layer(CatchPanicLayer::new());
    layers.map_request(|req: Request<_>| {
        assert!(!req.headers().contains_key("x-panic"), "asked for");
        req
    })
}

pub fn compression() -> CompressionLayer {
    CompressionLayer::new()
}

pub fn cors() -> CorsLayer {
    CorsLayer::permissive()
}

/// Refuses a request while another one is below.
pub fn one_at_a_time() -> impl Layer<Below, Service: HttpService> {
    ServiceBuilder::new().load_shed().concurrency_limit(1)
}

pub fn request_id() -> (SetRequestIdLayer<MakeRequestUuid>, PropagateRequestIdLayer) {
    let set = SetRequestIdLayer::x_request_id(MakeRequestUuid);
    (set, PropagateRequestIdLayer::x_request_id())
}

#[stackup_plugin::config]
pub struct Timeout {
    milliseconds: u64,
}

pub fn timeout(config: Timeout) -> TimeoutLayer {
    let limit = Duration::from_millis(config.milliseconds);
    TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, limit)
}

pub fn trace() -> TraceLayer<SharedClassifier<ServerErrorsAsFailures>> {
    TraceLayer::new_for_http()
}
