//! An app that reports that the server is up.

#![forbid(unsafe_code)]

use stackup_plugin::{
    App, Context, IntoResponse, Json, Method, Request, Result, StatusCode, header, serde,
};

/// `[run.config]` of `health`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The format of the response.
    format: Format,
    /// The text to send as the status.
    status: String,
}

/// A format of the response.
#[stackup_plugin::config]
#[derive(Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The status and a line feed, as `text/plain`.
    Text,
    /// `{"status": …, "generation": …}`.
    Json,
}

#[derive(serde::Serialize)]
#[serde(crate = "stackup_plugin::serde")]
struct Report<'a> {
    status: &'a str,
    generation: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            format: Format::Text,
            status: "ok".to_owned(),
        }
    }
}

/// Responds with 200.
pub struct Health(Config);

impl App for Health {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self(config))
    }

    async fn call(&self, req: Request) -> Result {
        if ![Method::GET, Method::HEAD].contains(&req.method()) {
            let refused = (StatusCode::METHOD_NOT_ALLOWED, "Allowed: GET, HEAD\n");
            return Ok(refused
                .into_response()?
                .with_header(header::ALLOW, "GET, HEAD")?);
        }
        let Config { format, status } = &self.0;
        let res = match format {
            Format::Text => format!("{status}\n").into_response()?,
            Format::Json => Json(Report {
                status,
                generation: req.generation(),
            })
            .into_response()?,
        };
        // A stale report is worse than none.
        Ok(res.with_header(header::CACHE_CONTROL, "no-store")?)
    }
}

stackup_plugin::export!(app Health as "health");

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{
        self, Answered, Json, TestRequest, block_on, get, json, post, request,
    };

    use stackup_plugin::serde_json;

    use super::*;

    async fn answer(config: Json, request: TestRequest) -> Answered {
        let health = testing::app::<Health>(config).unwrap();
        health.answer(request).await.unwrap()
    }

    #[test]
    fn get_and_head_get_ok() {
        block_on(async {
            for method in [Method::GET, Method::HEAD] {
                let res = answer(json!({}), request(method, "/any?thing")).await;
                assert_eq!(res.status(), 200);
                assert_eq!(res.header("cache-control"), Some("no-store"));
                assert_eq!(
                    res.header("content-type"),
                    Some("text/plain; charset=utf-8")
                );
                assert_eq!(res.finish().await.unwrap(), "ok\n");
            }
        });
    }

    #[test]
    fn json_has_status_and_generation() {
        block_on(async {
            let config = json!({ "format": "json", "status": "\"pass\"" });
            let res = answer(config, get("/")).await;
            assert_eq!(res.header("content-type"), Some("application/json"));
            let text = res.finish().await.unwrap();
            let value: Json = serde_json::from_str(&text).unwrap();
            assert_eq!(value["status"], "\"pass\"");
            assert!(value["generation"].is_number(), "{text}");
        });
    }

    #[test]
    fn other_methods_get_405_with_allow() {
        block_on(async {
            let res = answer(json!({}), post("/", "")).await;
            assert_eq!(
                (res.status().as_u16(), res.header("allow")),
                (405, Some("GET, HEAD"))
            );
        });
    }

    #[test]
    fn unknown_format_is_refused() {
        let error = testing::app::<Health>(json!({ "format": "xml" }))
            .err()
            .unwrap();
        assert_eq!(error.place(), "format");
        assert_eq!(
            error.message(),
            "unknown variant `xml`, expected `text` or `json`"
        );
    }
}
