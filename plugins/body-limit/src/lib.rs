//! A middleware that refuses request bodies that are too large.

#![forbid(unsafe_code)]

mod limited;

use stackup_plugin::header::CONTENT_LENGTH;
use stackup_plugin::{Body, Context, Error, Middleware, Next, Request, Result, StatusCode};

use self::limited::LimitedBody;

/// `[use.config]` of `body-limit`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The maximum size of a request's body, in bytes.
    bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { bytes: 1024 * 1024 }
    }
}

/// Refuses request bodies that are too large.
pub struct BodyLimit {
    bytes: u64,
}

impl Middleware for BodyLimit {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self {
            bytes: config.bytes,
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let content_length = req
            .header(CONTENT_LENGTH)
            .and_then(|length| length.parse::<u64>().ok());
        // Refused before it is read, and before `100 Continue` asks the client to send it.
        if content_length.is_some_and(|length| length > self.bytes) {
            return Err(too_large(self.bytes));
        }
        let body = req.take_body();
        req.set_body(match body.is_end() {
            true => body,
            false => Body::new(LimitedBody::new(body, self.bytes)),
        });
        next.run(req).await
    }
}

/// RFC 9110 §15.5.14.
fn too_large(limit: u64) -> Error {
    let message = format!("the request's body is longer than {limit} bytes");
    Error::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

stackup_plugin::export!(middleware BodyLimit as "body-limit");

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, Mounted, TestRequest, block_on, get, json, post};

    use super::*;

    fn mounted() -> Mounted {
        testing::middleware::<BodyLimit>(json!({ "bytes": 5 })).unwrap()
    }

    /// The response of an app that echoes the body.
    fn echoed(request: TestRequest) -> Result<String> {
        let below = async |mut req: Request| {
            let body = req.take_body().collect(usize::MAX).await?;
            Ok::<_, Error>(String::from_utf8(body.bytes.to_vec())?)
        };
        block_on(async { mounted().call(request, below).await?.finish().await })
    }

    fn streamed(chunks: &[&'static str]) -> Body {
        let (mut sender, body) = Body::channel(9);
        chunks
            .iter()
            .for_each(|chunk| block_on(sender.send(*chunk)).unwrap());
        body
    }

    #[test]
    fn body_within_the_limit_passes() {
        assert_eq!(echoed(post("/", "12345")).unwrap(), "12345");
        assert_eq!(
            echoed(post("/", streamed(&["123", "45"]))).unwrap(),
            "12345"
        );
        assert_eq!(echoed(get("/")).unwrap(), "");
        let with_length = post("/", "12345").header("content-length", "5");
        assert_eq!(echoed(with_length).unwrap(), "12345");
    }

    #[test]
    fn body_over_the_limit_fails_with_413() {
        for body in [
            Body::from("123456"),
            streamed(&["123", "456"]),
            streamed(&["123456"]),
        ] {
            let error = echoed(post("/", body)).unwrap_err();
            assert_eq!(error.status(), 413);
            assert_eq!(error.message(), "the request's body is longer than 5 bytes");
        }
    }

    #[test]
    fn content_length_over_the_limit_is_refused_before_the_app() {
        let below = async |_req: Request| -> &str { panic!("the app was called") };
        let request = post("/", "1").header("content-length", "6");
        let error = block_on(mounted().call(request, below)).unwrap_err();
        assert_eq!(error.status(), 413);
    }

    #[test]
    fn body_is_not_read_ahead_and_keeps_its_size_hint() {
        block_on(async {
            let below = async |mut req: Request| {
                assert_eq!(req.take_body().size_hint().exact(), Some(3));
            };
            mounted().call(post("/", "123"), below).await.unwrap();
            let (mut sender, body) = Body::channel(1);
            sender.send("12").await.unwrap();
            let below = async |mut req: Request| {
                let mut body = req.take_body();
                body.frame().await.unwrap().unwrap().into_data().unwrap()
            };
            let res = mounted().call(post("/", body), below).await.unwrap();
            assert_eq!(res.finish().await.unwrap(), "12");
        });
    }
}
