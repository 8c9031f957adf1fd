//! A middleware that sets env values and request headers for the layers below: `Rack::Config`.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use stackup_plugin::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use stackup_plugin::{Context, Error, HeaderName, HeaderValue, Middleware, Next, Request, Result};

/// `[use.config]` of `config`.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub struct Config {
    /// Values for the env; each replaces a value of the same name.
    env: BTreeMap<String, String>,
    /// Request headers; each replaces those of the same name.
    headers: BTreeMap<String, String>,
}

/// The names that the env derives from the request, each with the way to change it.
const OF_REQUEST: [(&str, &str); 14] = [
    ("REQUEST_METHOD", "use `method-override` to change it"),
    ("SCRIPT_NAME", "use a map to change it"),
    ("PATH_INFO", "use `rewrite` to change it"),
    ("QUERY_STRING", "use `rewrite` to change it"),
    ("REQUEST_PATH", "use `rewrite` to change it"),
    ("REQUEST_URI", "it is what the client sent"),
    ("SERVER_NAME", "set `host` under `headers` to change it"),
    ("SERVER_PORT", "set `host` under `headers` to change it"),
    ("SERVER_PROTOCOL", "it can't be changed"),
    ("REMOTE_ADDR", "it is the client's"),
    ("REMOTE_PORT", "it is the client's"),
    ("rack.url_scheme", "it is the connection's"),
    ("SSL_CLIENT_S_DN", "it is the client's"),
    ("SSL_CLIENT_S_DN_CN", "it is the client's"),
];

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

/// Checks a name. Those of the request are refused: the env would say one thing, and maps, apps and `Request` another.
fn check_name(name: &str) -> Result<()> {
    let refuse = |message: String| Err(Error::config(format!("env.{name}"), message));
    let header = match name {
        "CONTENT_TYPE" | "CONTENT_LENGTH" => Some(name),
        name => name.strip_prefix("HTTP_"),
    };
    if let Some(header) = header {
        let header = header.replace('_', "-").to_ascii_lowercase();
        return refuse(format!("set headers under `headers`, as `{header}`"));
    }
    if let Some((_, help)) = OF_REQUEST.iter().find(|(known, _)| *known == name) {
        return refuse(format!("`{name}` is derived from the request; {help}"));
    }
    if name.starts_with("stackup.") {
        return refuse("names in `stackup.` are for stackup and its plugins".to_owned());
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refuse(format!(
            "{name:?} is not an env name: use visible ASCII characters"
        ));
    }
    Ok(())
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let refuse = |message: String| Error::config(format!("headers.{name}"), message);
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| refuse(format!("{name:?} is not a header name")))?;
    if [CONTENT_LENGTH, TRANSFER_ENCODING].contains(&parsed) {
        return Err(refuse(format!(
            "`{parsed}` describes the body, which this plugin does not change"
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
    fn env_and_headers_are_set() {
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
    fn other_values_are_kept() {
        let env = below(json!({}), get("/").header("x-a", "old").env("a.b", "c"));
        assert_eq!(
            (&env["HTTP_X_A"], &env["a.b"]),
            (&json!("old"), &json!("c"))
        );
    }

    #[test]
    fn invalid_names_and_values_are_refused() {
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

    /// Every name that `Env` derives from a request is refused, and so are other names of CGI for the same.
    #[test]
    fn names_of_the_request_are_refused() {
        let request = get("http://example.com/a?b").header("accept", "c");
        let request = request.header("content-type", "text/plain");
        let env = below(json!({}), request);
        let derived = env.as_object().unwrap().keys().map(String::as_str);
        for name in derived.chain(["REQUEST_URI", "REQUEST_PATH", "stackup.sendfile"]) {
            let mut values = Json::default();
            values["env"][name] = json!("x");
            let error = testing::middleware::<Configured>(values).err().expect(name);
            assert_eq!(error.place(), format!("env.{name}"));
        }
        let path = json!({ "env": { "PATH_INFO": "/x" } });
        let error = testing::middleware::<Configured>(path).err().unwrap();
        let message = "`PATH_INFO` is derived from the request; use `rewrite` to change it";
        assert_eq!(error.message(), message);
        assert!(
            testing::middleware::<Configured>(json!({ "env": { "rack.logger": "null" } })).is_ok()
        );
    }
}
