//! An app that shows how a request and a body travel. Its log shows what no client can see.

#![forbid(unsafe_code)]

mod streams;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stackup_plugin::{
    App, Body, Context, Error, Gauge, Histogram, IntoResponse, Request, Response, Result,
    StatusCode, http, tracing,
};

struct Probe {
    cx: Context,
    /// The chunks that a flood has sent.
    sent: Arc<AtomicU64>,
    held: streams::Held,
    /// The length of the last body that `/length` has read, and how all are spread.
    last_length: Gauge,
    lengths: Histogram,
}

/// Logs when its owner is dropped.
struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        tracing::info!("probe: dropped {}", self.0);
    }
}

impl App for Probe {
    type Config = ();

    fn init((): (), cx: &Context) -> Result<Self> {
        Ok(Self {
            cx: cx.clone(),
            sent: Arc::default(),
            held: streams::Held::default(),
            last_length: cx.gauge("last_bytes", "Last body").build()?,
            lengths: cx
                .histogram("body_bytes", "Bodies")
                .with("read", "whole")
                .bounds(&[5.0, 100.0])
                .build()?,
        })
    }

    async fn call(&self, mut req: Request) -> Result {
        let path = req.path_info().to_owned();
        let finished = path.clone();
        req.on_finished(move |end| {
            let status = end.status().map_or(0, |status| status.as_u16());
            let error = end.error().map(ToString::to_string).unwrap_or_default();
            let bytes = end.body_bytes();
            tracing::info!("probe: finished {finished} {status} {bytes} [{error}]");
        });
        match path.as_str() {
            "/unauthorized" => {
                let error = Error::new(StatusCode::UNAUTHORIZED, "who are you?");
                Err(error.with_header("www-authenticate", "Bearer")?)
            }
            "/echo" => Body::into_response(req.take_body()),
            "/length" => {
                tracing::info!("probe: reading");
                let body = req.take_body().collect(usize::MAX).await?;
                let length = body.bytes.len();
                self.last_length.set(length as f64);
                self.lengths.observe(length as f64);
                length.to_string().into_response()
            }
            "/ignore" => "ignored\n".into_response(),
            "/where" => where_is(&req).into_response(),
            "/big" => Body::from(vec![b'x'; number(&req, "bytes")]).into_response(),
            "/chunks" => Ok(streams::chunks(&self.cx, number(&req, "count"))),
            "/trailers" => Ok(streams::trailers(&self.cx)),
            "/flood" => Ok(streams::flood(&self.cx, number(&req, "count"), &self.sent)),
            "/held" => Ok(self.held.begin()),
            "/let-go" => Ok(self.held.let_go().await),
            "/sent" => self.sent.load(Ordering::SeqCst).to_string().into_response(),
            "/wait" => {
                let _guard = Guard("the wait");
                tracing::info!("probe: waiting");
                pending::<Result>().await
            }
            "/block" => {
                tracing::info!("probe: blocking");
                loop {
                    std::thread::park();
                }
            }
            "/sleep" => {
                let time = Duration::from_millis(number(&req, "ms") as u64);
                self.cx.sleep(time).await;
                "slept\n".into_response()
            }
            "/task" => {
                let guard = Guard("the task");
                self.cx.spawn("waits forever", async move {
                    let _guard = guard;
                    tracing::info!("probe: a task waits");
                    pending().await
                });
                Ok(Response::new(StatusCode::ACCEPTED))
            }
            _ => "probe\n".into_response(),
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        tracing::info!("probe: dropped the app");
    }
}

fn where_is(req: &Request) -> String {
    let (script_name, path_info) = (req.script_name(), req.path_info());
    let remote = if req.remote_addr().is_some() {
        "tcp"
    } else {
        "unix"
    };
    let method = req.method();
    format!("{method} [{script_name}] [{path_info}] {remote}\n")
}

/// A number in the query.
fn number(req: &Request, key: &str) -> usize {
    let pairs = req
        .query()
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(name, _)| *name == key);
    let number = values.next().and_then(|(_, value)| value.parse().ok());
    number.unwrap_or_default()
}

fn header_map(name: &'static str, value: &'static str) -> http::HeaderMap {
    let mut map = http::HeaderMap::new();
    map.insert(name, http::HeaderValue::from_static(value));
    map
}

stackup_plugin::export!(app Probe);
