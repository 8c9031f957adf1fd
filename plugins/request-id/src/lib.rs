//! A middleware that gives each request an ID, or accepts the client's.

#![forbid(unsafe_code)]

use stackup_plugin::{Context, Error, HeaderName, Middleware, Next, Request, Result};
use uuid::Uuid;

/// The env name of the ID.
pub const ENV: &str = "stackup.request_id";

/// The maximum length of a client's ID.
const MAX_LENGTH: usize = 128;

/// `[use.config]` of `request-id`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The header that carries the ID, in the request and in the response.
    header: String,
    /// Whether to accept an ID from the request.
    trust: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            header: "x-request-id".to_owned(),
            trust: true,
        }
    }
}

/// Gives each request an ID.
pub struct RequestId {
    header: HeaderName,
    trust: bool,
}

impl Middleware for RequestId {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        let refuse = |_| {
            Error::config(
                "header",
                format!("{:?} is not a header name", config.header),
            )
        };
        Ok(Self {
            header: HeaderName::from_bytes(config.header.as_bytes()).map_err(refuse)?,
            trust: config.trust,
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let id = self.id_of(&req).unwrap_or_else(new_id);
        req.headers_mut().insert(&self.header, &id)?;
        req.env_mut().set(ENV, &id);
        let mut res = next.run(req).await?;
        res.headers_mut().insert(&self.header, &id)?;
        Ok(res)
    }
}

impl RequestId {
    /// The request's ID, if IDs are trusted and it is safe to log.
    fn id_of(&self, req: &Request) -> Option<String> {
        let mut ids = req.headers().get_all(&self.header).filter(|_| self.trust);
        let id = ids.next()?.to_str()?;
        let sane = !id.is_empty() && id.len() <= MAX_LENGTH && id.bytes().all(is_safe);
        // With two IDs it is unclear which one the caller logged.
        (sane && ids.next().is_none()).then(|| id.to_owned())
    }
}

fn new_id() -> String {
    let mut buffer = Uuid::encode_buffer();
    let id = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
    (*id).to_owned()
}

/// The characters of UUIDs, ULIDs, hex, base64 and AWS's `Root=1-…`; none has a meaning in a shell, a log or a page.
fn is_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.:=+/@~".contains(&byte)
}

stackup_plugin::export!(middleware RequestId as "request-id");

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, Json, TestRequest, block_on, get, json};

    use super::*;

    /// The id in the response; the header and the env below must say the same.
    fn id(config: Json, request: TestRequest) -> String {
        block_on(async {
            let middleware = testing::middleware::<RequestId>(config).unwrap();
            let below = async |req: Request| {
                let header = req.header("x-request-id").unwrap();
                assert_eq!(req.env().get(ENV).unwrap(), header);
                assert_eq!(req.headers().get_all("x-request-id").count(), 1);
                ([("x-request-id", "another")], header.to_owned())
            };
            let res = middleware.call(request, below).await.unwrap();
            let id = res.header("x-request-id").unwrap().to_owned();
            assert_eq!(res.finish().await.unwrap(), id);
            id
        })
    }

    fn of(value: &str) -> String {
        id(json!({}), get("/").header("x-request-id", value))
    }

    #[test]
    fn new_id_is_a_uuid() {
        let [first, second] = [(); 2].map(|()| id(json!({}), get("/")));
        assert_ne!(first, second);
        assert_eq!(Uuid::parse_str(&first).unwrap().get_version_num(), 7);
    }

    #[test]
    fn valid_id_is_kept() {
        for sane in [
            "a",
            "Root=1-67891233-abcdef012345678912345678",
            &"x".repeat(128),
        ] {
            assert_eq!(of(sane), sane);
        }
    }

    #[test]
    fn invalid_id_is_replaced() {
        for odd in ["", "a b", "a\"b", "<script>", "a,b", "é", &"x".repeat(129)] {
            assert!(Uuid::parse_str(&of(odd)).is_ok(), "{odd}");
        }
    }

    #[test]
    fn two_ids_are_replaced() {
        let request = get("/")
            .header("x-request-id", "a")
            .header("x-request-id", "b");
        assert!(Uuid::parse_str(&id(json!({}), request)).is_ok());
    }

    #[test]
    fn untrusted_id_is_replaced() {
        let request = get("/").header("x-request-id", "mine");
        assert_ne!(id(json!({ "trust": false }), request), "mine");
    }

    #[test]
    fn header_name_is_configurable() {
        block_on(async {
            let config = json!({ "header": "X-Trace" });
            let middleware = testing::middleware::<RequestId>(config).unwrap();
            let res = middleware
                .call(get("/").header("x-trace", "t1"), async |_req| "")
                .await;
            assert_eq!(res.unwrap().header("x-trace"), Some("t1"));
            let error = testing::middleware::<RequestId>(json!({ "header": "" }))
                .err()
                .unwrap();
            assert_eq!(
                (error.place(), error.message()),
                ("header", "\"\" is not a header name")
            );
        });
    }
}
