//! A middleware that sets `content-length` where the length is known: `Rack::ContentLength`.

#![forbid(unsafe_code)]

use stackup_plugin::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use stackup_plugin::{Method, Next, Request, Response, Result, StatusCode};

async fn content_length(req: Request, next: Next<'_>) -> Result {
    let is_head = req.method() == Method::HEAD;
    let mut res = next.run(req).await?;
    if may_have_length(&res) && !framed(&res) {
        set_length(&mut res, is_head)?;
    }
    Ok(res)
}

/// Whether a response with this status may have `content-length` (RFC 9110 §8.6).
fn may_have_length(res: &Response) -> bool {
    let status = res.status();
    let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
    !bodiless && !status.is_informational()
}

fn framed(res: &Response) -> bool {
    [CONTENT_LENGTH, TRANSFER_ENCODING]
        .iter()
        .any(|name| res.headers().contains(name))
}

/// Sets the length of the body without reading it.
fn set_length(res: &mut Response, is_head: bool) -> Result<()> {
    let body = res.take_body();
    let length = body.size_hint().exact();
    res.set_body(body);
    // An empty body for HEAD says nothing about that for GET.
    if let Some(length) = length.filter(|length| *length > 0 || !is_head) {
        res.headers_mut()
            .insert(CONTENT_LENGTH, length.to_string())?;
    }
    Ok(())
}

stackup_plugin::export!(middleware fn content_length as "content-length");

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, request};
    use stackup_plugin::{Body, IntoResponse};

    use super::*;

    fn length(method: Method, answer: impl IntoResponse + Send + 'static) -> Option<String> {
        block_on(async {
            let middleware = testing::middleware_fn(content_length).unwrap();
            let below = async move |_req| answer;
            let res = middleware.call(request(method, "/"), below).await.unwrap();
            let length = res.header("content-length").map(ToOwned::to_owned);
            drop(res);
            length
        })
    }

    fn of_get(answer: impl IntoResponse + Send + 'static) -> Option<String> {
        length(Method::GET, answer)
    }

    #[test]
    fn known_length_is_set() {
        assert_eq!(of_get("hello").unwrap(), "5");
        assert_eq!(of_get("").unwrap(), "0");
        assert_eq!(of_get(vec![0; 100_000]).unwrap(), "100000");
        assert_eq!(of_get((StatusCode::NOT_FOUND, "é")).unwrap(), "2");
        assert_eq!(of_get(Body::from("ab").on_end(|_, _| ())).unwrap(), "2");
    }

    #[test]
    fn streams_and_existing_framing_are_left_unchanged() {
        assert_eq!(of_get(Body::channel(1).1), None);
        assert_eq!(of_get(Body::from("a").map_chunks(|chunk| chunk)), None);
        assert_eq!(of_get(([("content-length", "7")], "hello")).unwrap(), "7");
        assert_eq!(of_get(([("transfer-encoding", "chunked")], "hello")), None);
    }

    #[test]
    fn status_without_a_body_gets_no_length() {
        for status in [100, 101, 103, 204, 304] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(of_get(status), None, "{status}");
        }
    }

    #[test]
    fn head_gets_the_length_of_a_body_that_is_not_empty() {
        assert_eq!(length(Method::HEAD, "hello").unwrap(), "5");
        assert_eq!(length(Method::HEAD, ""), None);
    }

    #[test]
    fn body_is_kept() {
        block_on(async {
            let middleware = testing::middleware_fn(content_length).unwrap();
            let below = async |_req| "hello";
            let res = middleware.call(testing::get("/"), below).await.unwrap();
            assert_eq!(res.finish().await.unwrap(), "hello");
        });
    }
}
