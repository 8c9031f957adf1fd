//! A middleware that silences the `logger` below it: `Rack::NullLogger`.

#![forbid(unsafe_code)]

use stackup_plugin::{Next, Request, Result};

/// Rack's env has a logger object; here `logger` checks for the value `null`.
async fn null_logger(mut req: Request, next: Next<'_>) -> Result {
    req.env_mut().set("rack.logger", "null");
    next.run(req).await
}

stackup_plugin::export!(middleware fn null_logger as "null-logger");

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get};

    use super::*;

    #[test]
    fn layers_below_see_the_null_logger() {
        block_on(async {
            let middleware = testing::middleware_fn(null_logger).unwrap();
            let below = async |req: Request| req.env().get("rack.logger").unwrap().into_owned();
            let request = get("/").env("rack.logger", "another");
            let res = middleware.call(request, below).await.unwrap();
            assert_eq!(res.finish().await.unwrap(), "null");
        });
    }
}
