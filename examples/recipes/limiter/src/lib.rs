//! Limits the requests of each client. The counts are in the host's store, so they outlive this code.

#![forbid(unsafe_code)]

use std::time::Duration;

use stackup_plugin::{Context, Error, Middleware, Next, Request, Result, StatusCode, Store};

#[stackup_plugin::config]
pub struct Config {
    /// So many requests of one client …
    requests: i64,
    /// … pass in so many seconds, from its first one on.
    seconds: u64,
}

pub struct Limiter {
    config: Config,
    store: Store,
}

impl Middleware for Limiter {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let store = cx.store();
        Ok(Self { config, store })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let client = req
            .remote_addr()
            .map_or("unix".to_owned(), |addr| addr.ip().to_string());
        let window = Duration::from_secs(self.config.seconds);
        if self.store.add(client, 1, window).await? > self.config.requests {
            let error = Error::new(StatusCode::TOO_MANY_REQUESTS, "too many requests");
            return Err(error.with_header("retry-after", self.config.seconds.to_string())?);
        }
        next.run(req).await
    }
}

stackup_plugin::export!(middleware Limiter);

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, Mounted, block_on, get, json};

    use super::*;

    fn limiter() -> Mounted {
        testing::middleware::<Limiter>(json!({ "requests": 2, "seconds": 60 })).unwrap()
    }

    fn status(limiter: &Mounted, client: [u8; 4]) -> u16 {
        let request = get("/").remote((client, 50_000).into());
        let answer = block_on(limiter.call(request, async |_req: Request| "passed"));
        answer
            .map_or_else(|error| error.status(), |res| res.status())
            .as_u16()
    }

    #[test]
    fn each_client_has_a_count_that_outlives_the_instance() {
        let store = testing::store();
        let (first, other) = ([192, 0, 2, 1], [192, 0, 2, 2]);
        let old = limiter();
        assert_eq!([status(&old, first), status(&old, first)], [200, 200]);
        let new = limiter();
        assert_eq!([status(&new, first), status(&new, other)], [429, 200]);
        store.advance(Duration::from_secs(60));
        assert_eq!(status(&new, first), 200);
    }

    #[test]
    fn refusal_says_when_to_come_back() {
        let limiter = testing::middleware::<Limiter>(json!({ "requests": 0, "seconds": 60 }));
        let answer = limiter.unwrap();
        let answer = block_on(answer.call(get("/"), async |_req: Request| "passed"));
        assert_eq!(answer.unwrap_err().header("retry-after"), Some("60"));
    }
}
