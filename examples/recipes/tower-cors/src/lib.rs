//! A layer of tower-http as a middleware.

#![forbid(unsafe_code)]

use tower_http::cors::CorsLayer;

fn cors() -> CorsLayer {
    CorsLayer::permissive()
}

stackup_plugin::export!(middleware layer cors);

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get, json, request};
    use stackup_plugin::{Error, Method, Request, Response, Result, StatusCode};

    use super::*;

    #[test]
    fn layer_answers_or_passes_on() {
        let cors = testing::middleware_layer(cors, json!({})).unwrap();
        let asked = request(Method::OPTIONS, "/")
            .header("origin", "https://example.com")
            .header("access-control-request-method", "PUT");
        let res = block_on(cors.call(asked, async |_req: Request| "not reached")).unwrap();
        assert_eq!(res.header("access-control-allow-methods"), Some("*"));
        assert_eq!(block_on(res.finish()).unwrap(), "");
        let below = async |req: Request| req.path().to_owned();
        let asked = get("/tea").header("origin", "https://example.com");
        let res = block_on(cors.call(asked, below)).unwrap();
        assert_eq!(res.header("access-control-allow-origin"), Some("*"));
        assert_eq!(block_on(res.finish()).unwrap(), "/tea");
    }

    #[test]
    fn error_from_below_stays_as_it_is() {
        let cors = testing::middleware_layer(cors, json!({})).unwrap();
        let below =
            async |_req: Request| Result::<Response>::Err(Error::new(StatusCode::GONE, "gone"));
        assert_eq!(
            block_on(cors.call(get("/"), below)).unwrap_err().status(),
            410
        );
    }
}
