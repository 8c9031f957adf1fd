//! The cases of `tests/caching/`, and what they can't say: streams, and requests at the same time.

mod cases;
mod streams;

use std::sync::{Arc, Mutex};

use stackup_plugin::testing::{self, Json, Mounted, TestRequest, json, request};
use stackup_plugin::{Method, Response, Result, StatusCode};

use super::*;

/// A cache with the default config but for these keys, and an empty store.
fn cache(config: Json) -> Mounted {
    testing::middleware::<CacheLayer>(config).unwrap()
}

/// A request of `a.test` without content.
fn ask(start: &str, lines: &[&str]) -> TestRequest {
    let (method, target) = start.split_once(' ').expect("a method and a target");
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = request(method, target);
    let request = match lines.iter().any(|line| line.starts_with("host:")) {
        true => request,
        false => request.header("host", "a.test"),
    };
    lines.iter().fold(request, |request, line| {
        let (name, value) = field(line);
        request.header(name, value)
    })
}

fn field(line: &str) -> (&str, &str) {
    let (name, value) = line.split_once(':').expect("a name and a value");
    (name, value.trim())
}

/// A response with these lines.
fn response(status: u16, lines: &[&str], body: impl Into<stackup_plugin::Body>) -> Result {
    let mut res = Response::new(StatusCode::from_u16(status)?);
    for line in lines {
        let (name, value) = field(line);
        res.headers_mut().append(name, value)?;
    }
    res.set_body(body.into());
    Ok(res)
}

#[test]
fn errors_point_at_the_key() {
    for (config, key, message) in [
        (
            json!({ "name": "a b" }),
            "name",
            "\"a b\" is not a token, such as `stackup`",
        ),
        (
            json!({ "targeted": ["cdn-cache-control", "a b"] }),
            "targeted[1]",
            "\"a b\" is not a header name",
        ),
        (
            json!({ "heuristic_percent": 101 }),
            "heuristic_percent",
            "101 is more than 100 per cent",
        ),
    ] {
        let error = testing::middleware::<CacheLayer>(config).err().unwrap();
        assert_eq!((error.place(), error.message()), (key, message));
    }
}

/// What the layers below saw.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, req: &Request) {
        let line = |(name, value): (&str, stackup_plugin::Value<'_>)| {
            format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
        };
        let lines = req.headers().iter().map(line).collect();
        *self.0.lock().unwrap() = lines;
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}
