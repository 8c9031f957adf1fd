//! A line as a JSON object.

use stackup_plugin::serde_json::{Map, Value, json};

use crate::escape::ascii;
use crate::outcome::End;
use crate::request::Seen;

/// The object, in visible ASCII. What is not known is not there.
pub(crate) fn object(seen: &Seen, end: &End) -> String {
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
            end.time
                .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
                .to_string()
                .into(),
        ),
    );
    put("address", text(&seen.address));
    put("user", text(&seen.user));
    put("method", Some(json!(seen.method)));
    put("path", Some(json!(seen.path)));
    put(
        "query",
        Some(json!(seen.query)).filter(|_| !seen.query.is_empty()),
    );
    put("protocol", Some(json!(seen.protocol)));
    put("status", end.status.map(|status| json!(status.as_u16())));
    put("bytes", Some(json!(end.bytes)));
    put("seconds", Some(json!(micros(end.took.as_secs_f64()))));
    put("referer", text(&seen.referer));
    put("user_agent", text(&seen.user_agent));
    put("request_id", text(&seen.request_id));
    put("generation", Some(json!(seen.generation)));
    if let Some((error, handler)) = &end.error {
        put("error", Some(json!(error)));
        put(
            "handler",
            Some(json!(handler)).filter(|_| !handler.is_empty()),
        );
    }
    ascii(&Value::Object(object).to_string())
}

/// Seconds to the microsecond: more digits would be noise.
fn micros(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}
