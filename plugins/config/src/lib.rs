//! A middleware that sets values and headers for the layers below: Rack's `Rack::Config`.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use stackup_plugin::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use stackup_plugin::{Context, Error, HeaderName, HeaderValue, Middleware, Next, Request, Result};

/// `[use.config]` of `config`.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub struct Config {
    /// Values for the env, over those of the same name.
    env: BTreeMap<String, String>,
    /// Headers for the request, in place of those of the same name.
    headers: BTreeMap<String, String>,
}

/// Sets values and headers.
pub struct Configured {
    env: BTreeMap<String, String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Middleware for Configured {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        config.env.keys().try_for_each(|name| check_name(name))?;
        let headers = config
            .headers
            .iter()
            .map(|(name, value)| header(name, value));
        Ok(Self {
            headers: headers.collect::<Result<_>>()?,
            env: config.env,
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        for (name, value) in &self.headers {
            req.headers_mut().insert(name, value)?;
        }
        for (name, value) in &self.env {
            req.env_mut().set(name, value);
        }
        next.run(req).await
    }
}

/// A name in the env shows the request or is one that layers agree upon; `HTTP_…` alone would let a
/// layer that reads headers see another request than one that reads the env.
fn check_name(name: &str) -> Result<()> {
    let key = format!("env.{name}");
    let header = match name {
        "CONTENT_TYPE" | "CONTENT_LENGTH" => Some(name),
        name => name.strip_prefix("HTTP_"),
    };
    if let Some(header) = header {
        let header = header.replace('_', "-").to_ascii_lowercase();
        let message = format!("a header is set under `headers`, as `{header}`");
        return Err(Error::config(key, message));
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("{name:?} can't be a name in the env: it takes visible ASCII");
        return Err(Error::config(key, message));
    }
    Ok(())
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let refuse = |message: String| Error::config(format!("headers.{name}"), message);
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| refuse(format!("{name:?} is not a header name")))?;
    if [CONTENT_LENGTH, TRANSFER_ENCODING].contains(&parsed) {
        return Err(refuse(format!(
            "`{parsed}` is of the body, which stays as it is"
        )));
    }
    let value = HeaderValue::try_from(value)
        .map_err(|_| refuse(format!("{value:?} can't be the value of a header")))?;
    Ok((parsed, value))
}

stackup_plugin::export!(middleware Configured as "config");

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, Json, TestRequest, block_on, get, json};

    use super::*;

    fn below(config: Json, request: TestRequest) -> Json {
        block_on(async {
            let middleware = testing::middleware::<Configured>(config).unwrap();
            let below = async |req: Request| {
                let env: BTreeMap<_, _> = req.env().iter().collect();
                let values: Vec<_> = req.headers().get_all("x-a").collect();
                assert!(values.len() < 2);
                json!(env)
            };
            let res = middleware.call(request, below).await.unwrap();
            let text = res.finish().await.unwrap();
            stackup_plugin::serde_json::from_str(&text).unwrap()
        })
    }

    #[test]
    fn values_are_those_of_the_config() {
        let config = json!({
            "env": { "app.name": "shop", "REMOTE_USER": "ada" },
            "headers": { "X-A": "new" },
        });
        let request = get("/").header("x-a", "old").header("x-a", "older");
        let env = below(config, request.env("REMOTE_USER", "eve"));
        assert_eq!(env["app.name"], "shop");
        assert_eq!(env["REMOTE_USER"], "ada");
        assert_eq!(env["HTTP_X_A"], "new");
    }

    #[test]
    fn what_it_is_not_told_stays() {
        let env = below(json!({}), get("/").header("x-a", "old").env("a.b", "c"));
        assert_eq!(
            (&env["HTTP_X_A"], &env["a.b"]),
            (&json!("old"), &json!("c"))
        );
    }

    #[test]
    fn bad_ones_are_refused_at_their_keys() {
        let cases = [
            (json!({ "env": { "": "" } }), "env.", "visible ASCII"),
            (json!({ "env": { "a b": "" } }), "env.a b", "visible ASCII"),
            (
                json!({ "env": { "HTTP_X_A": "" } }),
                "env.HTTP_X_A",
                "`headers`, as `x-a`",
            ),
            (
                json!({ "env": { "CONTENT_TYPE": "" } }),
                "env.CONTENT_TYPE",
                "`content-type`",
            ),
            (
                json!({ "headers": { "a b": "" } }),
                "headers.a b",
                "not a header name",
            ),
            (
                json!({ "headers": { "a": "b\r\nc: d" } }),
                "headers.a",
                "can't be the value",
            ),
            (
                json!({ "headers": { "Content-Length": "1" } }),
                "headers.Content-Length",
                "body",
            ),
        ];
        for (config, place, message) in cases {
            let error = testing::middleware::<Configured>(config).err().unwrap();
            assert_eq!(error.place(), place);
            assert!(error.message().contains(message), "{error}");
        }
    }
}
