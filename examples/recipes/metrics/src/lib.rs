//! Counts requests by method and status, and prints the counts for Prometheus.

#![forbid(unsafe_code)]

use std::sync::LazyLock;
use std::time::Instant;

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use stackup_plugin::{IntoResponse, Method, Next, Request, Result};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    status: u16,
}

struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    seconds: Histogram,
}

/// Both handlers have it, since they are in one library.
static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let mut registry = Registry::default();
    let requests = Family::default();
    let seconds = Histogram::new(exponential_buckets(0.0005, 2.0, 16));
    registry.register("http_requests", "Responses", requests.clone());
    registry.register("http_request_seconds", "To the last byte", seconds.clone());
    Metrics {
        registry,
        requests,
        seconds,
    }
});

async fn count(mut req: Request, next: Next<'_>) -> Result {
    let (method, started) = (known(&req.method()), Instant::now());
    req.on_finished(move |finished| {
        // 499 is what nginx calls a client that left.
        let status = finished.status().map_or(499, |status| status.as_u16());
        let labels = Labels { method, status };
        METRICS.requests.get_or_create(&labels).inc();
        METRICS.seconds.observe(started.elapsed().as_secs_f64());
    });
    next.run(req).await
}

/// A client may invent methods, each of which would be another series.
fn known(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let mut known = known.into_iter();
    known.find(|known| *known == method).unwrap_or("other")
}

async fn show() -> Result {
    let mut text = String::new();
    encode(&mut text, &METRICS.registry)?;
    const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(text.into_response()?.with_header("content-type", KIND)?)
}

stackup_plugin::export!(middleware fn count, app fn show);

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get, request};
    use stackup_plugin::{Error, StatusCode};

    use super::*;

    #[test]
    fn responses_are_counted_when_they_have_ended() {
        let counted = testing::middleware_fn(count).unwrap();
        let shown = testing::app_fn(show).unwrap();
        block_on(async {
            let res = counted
                .call(get("/"), async |_req: Request| "tea")
                .await
                .unwrap();
            res.finish().await.unwrap();
            let brew = request(Method::from_bytes(b"BREW").unwrap(), "/");
            let teapot =
                async |_req: Request| Result::<()>::Err(Error::new(StatusCode::IM_A_TEAPOT, "no"));
            counted.call(brew, teapot).await.unwrap_err();
            let res = shown.answer(get("/")).await.unwrap();
            let kind = res.header("content-type").unwrap();
            assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
            let text = res.finish().await.unwrap();
            assert!(
                text.contains("http_requests_total{method=\"GET\",status=\"200\"} 1\n"),
                "{text}"
            );
            assert!(
                text.contains("http_requests_total{method=\"other\",status="),
                "{text}"
            );
            assert!(text.contains("http_request_seconds_count 2\n"), "{text}");
        });
    }
}
