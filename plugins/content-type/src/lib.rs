//! A middleware that sets `content-type` on responses without one: `Rack::ContentType`.

#![forbid(unsafe_code)]

use media_type::is_media_type;
use stackup_plugin::header::CONTENT_TYPE;
use stackup_plugin::{
    Context, Error, HeaderValue, Middleware, Next, Request, Response, Result, StatusCode,
};

/// `[use.config]` of `content-type`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The media type for responses without one.
    default: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default: "text/html".to_owned(),
        }
    }
}

/// Sets `content-type` on responses without one.
pub struct ContentType {
    default: HeaderValue,
}

impl Middleware for ContentType {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        let text = config.default;
        let default = HeaderValue::try_from(&text)
            .ok()
            .filter(|_| is_media_type(&text));
        let default = default.ok_or_else(|| {
            let message = format!("{text:?} is not a media type such as \"text/html\"");
            Error::config("default", message)
        })?;
        Ok(Self { default })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let mut res = next.run(req).await?;
        if has_content(&res) && !res.headers().contains(CONTENT_TYPE) {
            res.headers_mut().insert(CONTENT_TYPE, &self.default)?;
        }
        Ok(res)
    }
}

fn has_content(res: &Response) -> bool {
    let status = res.status();
    let none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
    !none && !status.is_informational()
}

stackup_plugin::export!(middleware ContentType as "content-type");

#[cfg(test)]
mod tests {
    use stackup_plugin::IntoResponse;
    use stackup_plugin::testing::{self, Json, block_on, get, json};

    use super::*;

    fn kind(config: Json, answer: impl IntoResponse + Send + 'static) -> Option<String> {
        block_on(async {
            let middleware = testing::middleware::<ContentType>(config).unwrap();
            let res = middleware
                .call(get("/"), async move |_req| answer)
                .await
                .unwrap();
            let values: Vec<_> = res.headers().get_all("content-type").collect();
            assert!(values.len() < 2);
            res.header("content-type").map(ToOwned::to_owned)
        })
    }

    #[test]
    fn missing_content_type_gets_the_default() {
        assert_eq!(kind(json!({}), ()).unwrap(), "text/html");
        assert_eq!(kind(json!({}), StatusCode::NOT_FOUND).unwrap(), "text/html");
        let json = json!({ "default": "application/json; charset=utf-8" });
        assert_eq!(kind(json, ()).unwrap(), "application/json; charset=utf-8");
    }

    #[test]
    fn existing_content_type_is_kept() {
        assert_eq!(
            kind(json!({}), "text").unwrap(),
            "text/plain; charset=utf-8"
        );
        assert_eq!(kind(json!({}), ([("content-type", "")], ())).unwrap(), "");
    }

    #[test]
    fn response_without_content_gets_none() {
        for status in [100, 101, 204, 304] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(kind(json!({}), status), None, "{status}");
        }
    }

    #[test]
    fn invalid_media_type_is_refused() {
        for bad in [
            "",
            "html",
            "text/",
            "/html",
            "te xt/html",
            "text/html\r\nx: y",
            "text/h,tml",
        ] {
            let config = json!({ "default": bad });
            let error = testing::middleware::<ContentType>(config).err().unwrap();
            assert_eq!(error.place(), "default", "{bad}");
            let message = format!("{bad:?} is not a media type such as \"text/html\"");
            assert_eq!(error.message(), message);
        }
    }
}
