//! An app whose responses contradict their heads.

#![forbid(unsafe_code)]

use stackup_plugin::http::{HeaderMap, HeaderValue};
use stackup_plugin::{App, Body, Context, IntoResponse, Request, Response, Result, StatusCode};

struct Lies {
    cx: Context,
}

impl App for Lies {
    type Config = ();

    fn init((): (), cx: &Context) -> Result<Self> {
        Ok(Self { cx: cx.clone() })
    }

    async fn call(&self, req: Request) -> Result {
        match req.path_info() {
            // Declares ten bytes and sends five.
            "/too-short" => self.streamed("short").with_length("10"),
            // Declares two bytes and sends eight.
            "/too-long" => self.streamed("too long").with_length("2"),
            "/too-long-at-once" => Body::from("too long").into_response()?.with_length("2"),
            "/length-is-no-number" => self.streamed("many").with_length("many"),
            "/length-is-no-number-at-once" => "many".into_response()?.with_length("many"),
            "/length-with-a-sign" => "many".into_response()?.with_length("+4"),
            "/two-lengths" => {
                let mut response = "many".into_response()?.with_length("4")?;
                response.headers_mut().append("content-length", "5")?;
                Ok(response)
            }
            "/never-ends" => self.never_ends(),
            "/trailers" => self.forbidden_trailers(),
            "/chunked-twice" => {
                let response = self.streamed("once");
                Ok(response.with_header("transfer-encoding", "chunked, chunked")?)
            }
            "/no-content" => (StatusCode::NO_CONTENT, "a body all the same\n").into_response(),
            "/not-modified" => (StatusCode::NOT_MODIFIED, "a body all the same\n").into_response(),
            "/early-hints" => StatusCode::from_u16(103)?.into_response(),
            "/switch" => StatusCode::SWITCHING_PROTOCOLS.into_response(),
            _ => "the truth\n".into_response(),
        }
    }
}

impl Lies {
    fn streamed(&self, text: &'static str) -> Response {
        let (mut sender, body) = Body::channel(1);
        self.cx.spawn("sends a line", async move {
            let _ = sender.send(text).await;
        });
        let mut response = Response::new(StatusCode::OK);
        response.set_body(body);
        response
    }

    fn never_ends(&self) -> Result {
        let (mut sender, body) = Body::channel(1);
        self.cx.spawn("never ends", async move {
            let _ = sender.send("more to come\n").await;
            std::future::pending().await
        });
        body.into_response()
    }

    /// Framing may not come in trailers (RFC 9110 §6.5.1).
    fn forbidden_trailers(&self) -> Result {
        let (mut sender, body) = Body::channel(1);
        self.cx.spawn("sends trailers", async move {
            let mut trailers = HeaderMap::new();
            trailers.insert("content-length", HeaderValue::from_static("7"));
            if sender.send("a line\n").await.is_ok() {
                let _ = sender.finish(trailers).await;
            }
        });
        let response = body.into_response()?;
        Ok(response.with_header("trailer", "content-length")?)
    }
}

trait WithLength {
    fn with_length(self, length: &str) -> Result;
}

impl WithLength for Response {
    fn with_length(self, length: &str) -> Result {
        Ok(self.with_header("content-length", length)?)
    }
}

stackup_plugin::export!(app Lies);
