//! Mounts an axum app in a stack.

#![forbid(unsafe_code)]

mod router;

use axum::Router;
use stackup_plugin::{App, Body, Context, Request, Response, Result};
use tower::ServiceExt as _;

pub struct Axum(Router);

impl App for Axum {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        Ok(Self(router::router()))
    }

    async fn call(&self, req: Request) -> Result {
        let req = req.into_http_here().map(axum::body::Body::new);
        let res = self.0.clone().oneshot(req).await?;
        Ok(Response::from_http(res.map(Body::new)))
    }
}

stackup_plugin::export!(tokio; app Axum);

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, TestRequest, block_on, get, json, post};

    use super::*;

    #[test]
    fn routes_answer_and_layers_apply() {
        let app = testing::with_tokio(|| testing::app::<Axum>(json!({}))).unwrap();
        let ask = |request: TestRequest| {
            let res = block_on(app.answer(request)).unwrap();
            let (status, cache) = (
                res.status().as_u16(),
                res.header("cache-control").map(str::to_owned),
            );
            (status, cache, block_on(res.finish()).unwrap())
        };
        let add = |json: String| post("/books", json).header("content-type", "application/json");
        assert_eq!(ask(add("\"Emma\"".to_owned())).0, 201);
        let (status, cache, text) = ask(get("/books/0"));
        assert_eq!(
            (status, cache.as_deref(), text.as_str()),
            (200, Some("no-store"), "Emma")
        );
        assert_eq!(ask(get("/books/1")).0, 404);
        assert_eq!(ask(get("/books")).2, "[\"Emma\"]");
        assert_eq!(ask(add(format!("\"{}\"", "x".repeat(5000)))).0, 413);
    }
}
