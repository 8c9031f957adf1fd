//! An app that serves the figures of the host, for Prometheus and other scrapers.

#![forbid(unsafe_code)]

mod accept;

use stackup_plugin::{
    App, Context, IntoResponse, Method, MetricsFormat, Request, Result, StatusCode, header,
};

use self::accept::accepts_open_metrics;

/// `[run.config]` of `metrics`: there is nothing to configure.
#[stackup_plugin::config]
pub struct Config {}

/// Responds with all figures.
pub struct Metrics(Context);

impl App for Metrics {
    type Config = Config;

    fn init(_: Config, cx: &Context) -> Result<Self> {
        // A host that is too old has none: that is better said now.
        cx.metrics(MetricsFormat::OpenMetrics)?;
        Ok(Self(cx.clone()))
    }

    async fn call(&self, req: Request) -> Result {
        if ![Method::GET, Method::HEAD].contains(&req.method()) {
            let refused = (StatusCode::METHOD_NOT_ALLOWED, "Allowed: GET, HEAD\n");
            return Ok(refused
                .into_response()?
                .with_header(header::ALLOW, "GET, HEAD")?);
        }
        let (format, content_type) = match accepts_open_metrics(req.headers()) {
            true => (
                MetricsFormat::OpenMetrics,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ),
            false => (
                MetricsFormat::Prometheus,
                "text/plain; version=0.0.4; charset=utf-8",
            ),
        };
        let res = self.0.metrics(format)?.into_response()?;
        let res = res.with_header(header::CONTENT_TYPE, content_type)?;
        let res = res.with_header(header::VARY, "accept")?;
        // Figures are of now.
        Ok(res.with_header(header::CACHE_CONTROL, "no-store")?)
    }
}

stackup_plugin::export!(app Metrics as "metrics");

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get, json, post};

    use super::*;

    #[test]
    fn scraper_gets_the_format_that_it_prefers() {
        block_on(async {
            let metrics = testing::app::<Metrics>(json!({})).unwrap();
            let open = "application/openmetrics-text;version=1.0.0,text/plain;q=0.3";
            for (accept, content_type, text) in [
                (
                    open,
                    "application/openmetrics-text; version=1.0.0; charset=utf-8",
                    "# TYPE test gauge\ntest 1\n# EOF\n",
                ),
                (
                    "text/plain",
                    "text/plain; version=0.0.4; charset=utf-8",
                    "# TYPE test gauge\ntest 1\n",
                ),
            ] {
                let res = metrics.answer(get("/").header("accept", accept)).await;
                let res = res.unwrap();
                assert_eq!(res.status(), 200);
                assert_eq!(res.header("content-type"), Some(content_type));
                assert_eq!(res.header("vary"), Some("accept"));
                assert_eq!(res.header("cache-control"), Some("no-store"));
                assert_eq!(res.finish().await.unwrap(), text);
            }
        });
    }

    #[test]
    fn other_methods_get_405_with_allow() {
        block_on(async {
            let metrics = testing::app::<Metrics>(json!({})).unwrap();
            let res = metrics.answer(post("/", "")).await.unwrap();
            assert_eq!(
                (res.status().as_u16(), res.header("allow")),
                (405, Some("GET, HEAD"))
            );
        });
    }
}
