//! A middleware that drops the body of responses to HEAD: `Rack::Head`.

#![forbid(unsafe_code)]

use stackup_plugin::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use stackup_plugin::{Body, Method, Next, Request, Response, Result};

/// The env name under which `method-override` keeps the original method.
const OVERRIDDEN: &str = "rack.methodoverride.original_method";

async fn head(req: Request, next: Next<'_>) -> Result {
    let is_head = req.method() == Method::HEAD;
    let client_asked = req.env().get(OVERRIDDEN).is_none();
    let mut res = next.run(req).await?;
    if is_head {
        let body = res.take_body();
        if client_asked {
            keep_length(&mut res, &body)?;
        } else {
            // The client sent another method, so to it this is a response with an empty body.
            res.headers_mut().remove(CONTENT_LENGTH);
        }
        res.set_body(Body::empty());
    }
    Ok(res)
}

/// Sets the length of the response to GET, which only the body knows. An empty body for HEAD says nothing about it
/// (RFC 9110 §9.3.2).
fn keep_length(res: &mut Response, body: &Body) -> Result<()> {
    let framed = [CONTENT_LENGTH, TRANSFER_ENCODING].map(|name| res.headers().contains(name));
    let length = body.size_hint().exact().filter(|length| *length > 0);
    if let Some(length) = length
        && framed == [false; 2]
    {
        res.headers_mut()
            .insert(CONTENT_LENGTH, length.to_string())?;
    }
    Ok(())
}

stackup_plugin::export!(middleware fn head as "head");

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, Answered, block_on, request};
    use stackup_plugin::{IntoResponse, StatusCode};

    use super::*;

    fn answered(method: Method, answer: impl IntoResponse + Send + 'static) -> Answered {
        let head = testing::middleware_fn(head).unwrap();
        block_on(head.call(request(method, "/"), async move |_req| answer)).unwrap()
    }

    fn to_head(answer: impl IntoResponse + Send + 'static) -> (Option<String>, String) {
        let res = answered(Method::HEAD, answer);
        let length = res.header("content-length").map(ToOwned::to_owned);
        (length, block_on(res.finish()).unwrap())
    }

    #[test]
    fn body_is_dropped_and_headers_stay() {
        let headers = [("content-length", "1234"), ("etag", "\"a\"")];
        let res = answered(Method::HEAD, (StatusCode::NOT_FOUND, headers, "not here"));
        assert_eq!(res.status(), 404);
        assert_eq!(res.header("content-length"), Some("1234"));
        assert_eq!(res.header("etag"), Some("\"a\""));
        assert_eq!(block_on(res.finish()).unwrap(), "");
    }

    #[test]
    fn length_of_the_dropped_body_is_kept() {
        assert_eq!(to_head("hello"), (Some("5".to_owned()), String::new()));
        assert_eq!(to_head(""), (None, String::new()));
        assert_eq!(to_head(Body::channel(1).1), (None, String::new()));
    }

    #[test]
    fn overridden_method_gets_no_length() {
        let head = testing::middleware_fn(head).unwrap();
        let req = request(Method::HEAD, "/").env(OVERRIDDEN, "POST");
        let answer = ([("content-length", "5")], "hello");
        let res = block_on(head.call(req, async move |_req| answer)).unwrap();
        assert_eq!(res.header("content-length"), None);
        assert_eq!(block_on(res.finish()).unwrap(), "");
    }

    #[test]
    fn other_methods_keep_their_bodies() {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let res = answered(method, "hello");
            assert_eq!(block_on(res.finish()).unwrap(), "hello");
        }
    }

    #[test]
    fn streaming_body_is_dropped_at_once() {
        let (mut sender, body) = Body::channel(1);
        let _res = answered(Method::HEAD, body);
        assert!(block_on(sender.send("a")).is_err());
    }
}
