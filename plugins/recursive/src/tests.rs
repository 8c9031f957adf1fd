use stackup_plugin::testing::{self, Json, TestRequest, block_on, get, json, post};
use stackup_plugin::{Response, StatusCode};

use super::*;

/// Forwards `/a` to `/b?x=1` and `/loop` to itself; otherwise responds with the request.
async fn below(mut req: Request) -> Result {
    use stackup_plugin::IntoResponse;
    match req.path_info() {
        "/a" => Response::forward("/b?x=1"),
        "/loop" => Response::forward("/loop"),
        path => {
            let head = format!("{} {path} {}", req.method(), req.query());
            let body = req.take_body().collect(1024).await?;
            let body = String::from_utf8_lossy(&body.bytes).into_owned();
            format!("{head} {body}").into_response()
        }
    }
}

fn answer(config: Json, request: TestRequest) -> Result<(StatusCode, String)> {
    block_on(async {
        let recursive = testing::middleware::<Recursive>(config)?.over(testing::app_fn(below)?);
        let res = recursive.answer(request).await?;
        Ok((res.status(), res.finish().await?))
    })
}

#[test]
fn forward_keeps_method_and_body() {
    let (status, text) = answer(json!({}), post("/a", "text")).unwrap();
    assert_eq!(
        (status, text.as_str()),
        (StatusCode::OK, "POST /b x=1 text")
    );
    let (_, text) = answer(json!({}), get("/c?y=2")).unwrap();
    assert_eq!(text, "GET /c y=2 ");
}

#[test]
fn forwarding_loop_ends() {
    let error = answer(json!({ "most": 3 }), get("/loop")).unwrap_err();
    assert_eq!(
        error.message(),
        "forwarded more than 3 times, the last time to /loop"
    );
    assert!(answer(json!({ "most": 0 }), get("/a")).is_err());
    assert!(answer(json!({ "most": 1 }), get("/a")).is_ok());
}
