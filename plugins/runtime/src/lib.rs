//! A middleware that reports how long the layers below took: `Rack::Runtime`.

#![forbid(unsafe_code)]

use std::time::Instant;

use stackup_plugin::{Context, Error, HeaderName, Middleware, Next, Request, Result};

/// `[use.config]` of `runtime`.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub struct Config {
    /// Changes the header to `x-runtime-NAME`, to distinguish several.
    name: Option<String>,
}

/// Sets `x-runtime` to the seconds that the layers below took.
pub struct Runtime {
    header: HeaderName,
}

impl Middleware for Runtime {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        let Some(name) = config.name else {
            let header = HeaderName::from_static("x-runtime");
            return Ok(Self { header });
        };
        let header = format!("x-runtime-{name}");
        let refuse = |_| Error::config("name", format!("`{header}` is not a header name"));
        let header = HeaderName::from_bytes(header.as_bytes()).map_err(refuse)?;
        Ok(Self { header })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let start = Instant::now();
        let mut res = next.run(req).await?;
        // The inner one wins, as in Rack.
        if !res.headers().contains(&self.header) {
            let seconds = format!("{:.6}", start.elapsed().as_secs_f64());
            res.headers_mut().insert(&self.header, seconds)?;
        }
        Ok(res)
    }
}

stackup_plugin::export!(middleware Runtime as "runtime");

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stackup_plugin::testing::{self, block_on, get, json};
    use stackup_plugin::{Response, StatusCode};

    use super::*;

    fn runtime_of(config: testing::Json, below: fn() -> Response) -> Vec<(String, String)> {
        block_on(async {
            let runtime = testing::middleware::<Runtime>(config).unwrap();
            let res = runtime.call(get("/"), async move |_req| below()).await;
            let res = res.unwrap();
            let fields = res.headers().iter();
            fields
                .map(|(name, value)| (name.to_owned(), value.to_str().unwrap().to_owned()))
                .collect()
        })
    }

    fn empty() -> Response {
        Response::new(StatusCode::OK)
    }

    #[test]
    fn seconds_have_six_decimals() {
        let slow = || {
            std::thread::sleep(Duration::from_millis(20));
            empty()
        };
        let fields = runtime_of(json!({}), slow);
        let (name, value) = &fields[0];
        assert_eq!(name, "x-runtime");
        assert_eq!(value.split_once('.').unwrap().1.len(), 6, "{value}");
        let seconds: f64 = value.parse().unwrap();
        assert!((0.02..10.0).contains(&seconds), "{value}");
    }

    #[test]
    fn name_is_part_of_the_header() {
        assert_eq!(
            runtime_of(json!({ "name": "App" }), empty)[0].0,
            "x-runtime-app"
        );
    }

    #[test]
    fn inner_runtime_wins() {
        let inner = || empty().with_header("X-Runtime", "7").unwrap();
        let fields = runtime_of(json!({}), inner);
        assert_eq!(fields, [("x-runtime".to_owned(), "7".to_owned())]);
    }

    #[test]
    fn error_passes_unchanged() {
        block_on(async {
            let runtime = testing::middleware::<Runtime>(json!({})).unwrap();
            let teapot =
                async |_req: Request| Err::<&str, _>(Error::new(StatusCode::IM_A_TEAPOT, "no"));
            let error = runtime.call(get("/"), teapot).await.unwrap_err();
            assert_eq!(error.status(), StatusCode::IM_A_TEAPOT);
        });
    }

    #[test]
    fn error_points_at_the_key() {
        let error = testing::middleware::<Runtime>(json!({ "name": "a b" }))
            .err()
            .unwrap();
        assert_eq!(error.place(), "name");
        assert_eq!(error.message(), "`x-runtime-a b` is not a header name");
    }
}
