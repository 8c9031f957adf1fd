//! A layer of tower-http as a middleware.

#![forbid(unsafe_code)]

use stackup_plugin::{Body, Context, Error, Middleware, Next, Request, Response, Result, http};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::cors::CorsLayer;

pub struct Cors(CorsLayer);

impl Middleware for Cors {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        Ok(Self(CorsLayer::permissive()))
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        let below = service_fn(async |req: http::Request<Body>| {
            let res = next.again().run(Request::from_http(req)).await?;
            Ok::<_, Error>(res.into_http())
        });
        let res = self.0.layer(below).oneshot(req.into_http()).await?;
        Ok(Response::from_http(res))
    }
}

stackup_plugin::export!(middleware Cors);

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get, json, request};
    use stackup_plugin::{Method, StatusCode};

    use super::*;

    #[test]
    fn layer_answers_or_passes_on() {
        let cors = testing::middleware::<Cors>(json!({})).unwrap();
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
        let cors = testing::middleware::<Cors>(json!({})).unwrap();
        let below =
            async |_req: Request| Result::<Response>::Err(Error::new(StatusCode::GONE, "gone"));
        assert_eq!(
            block_on(cors.call(get("/"), below)).unwrap_err().status(),
            410
        );
    }
}
