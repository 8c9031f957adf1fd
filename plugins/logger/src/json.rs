//! A line as a JSON object.

use stackup_plugin::serde_json::{Map, Value, json};

use crate::outcome::Outcome;
use crate::request::LoggedRequest;

/// The object, without control characters and unknown fields.
pub(crate) fn object(request: &LoggedRequest, outcome: &Outcome) -> String {
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    };
    let text = |text: &Option<String>| text.clone().map(Value::from);
    put(
        "time",
        Some(
            outcome
                .time
                .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
                .to_string()
                .into(),
        ),
    );
    put("address", text(&request.address));
    put("user", text(&request.user));
    put("method", Some(json!(request.method)));
    put("path", Some(json!(request.path)));
    put(
        "query",
        Some(json!(request.query)).filter(|_| !request.query.is_empty()),
    );
    put("protocol", Some(json!(request.protocol)));
    put(
        "status",
        outcome.status.map(|status| json!(status.as_u16())),
    );
    put("bytes", Some(json!(outcome.bytes)));
    put("seconds", Some(json!(micros(outcome.took.as_secs_f64()))));
    put("referer", text(&request.referer));
    put("user_agent", text(&request.user_agent));
    put("request_id", text(&request.request_id));
    put("generation", Some(json!(request.generation)));
    if let Some((error, handler)) = &outcome.error {
        put("error", Some(json!(error)));
        put(
            "handler",
            Some(json!(handler)).filter(|_| !handler.is_empty()),
        );
    }
    log_text::json(&Value::Object(object).to_string()).into_owned()
}

/// Rounds to microseconds.
fn micros(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}
