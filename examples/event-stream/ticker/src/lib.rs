//! An app that streams events (HTML §9.2) until a reload replaces its code. Its clients then connect to the new one.

#![forbid(unsafe_code)]

use std::time::Duration;

use stackup_plugin::body::Sender;
use stackup_plugin::{App, Body, Context, Draining, IntoResponse, Request, Result};

#[stackup_plugin::config]
struct Config {
    /// The seconds between two events.
    seconds: f64,
}

struct Ticker {
    every: Duration,
    cx: Context,
}

impl App for Ticker {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        Ok(Self {
            every: Duration::try_from_secs_f64(config.seconds)?,
            cx: cx.clone(),
        })
    }

    async fn call(&self, req: Request) -> Result {
        let last = req.header("last-event-id").and_then(|id| id.parse().ok());
        let (sender, body) = Body::channel(8);
        let events = events(
            last.unwrap_or(0),
            self.every,
            self.cx.clone(),
            req.draining(),
            sender,
        );
        self.cx.spawn("events", events);
        ([("content-type", "text/event-stream")], body).into_response()
    }
}

/// Sends an event each time, until the client has left or must connect again.
async fn events(
    mut id: u64,
    every: Duration,
    cx: Context,
    mut draining: Draining,
    mut sender: Sender,
) {
    // The browser connects again after so many milliseconds.
    let mut event = "retry: 100\n\n".to_owned();
    while sender.send(event).await.is_ok() {
        if cx.timeout(every, &mut draining).await.is_ok() {
            return;
        }
        id += 1;
        event = format!("id: {id}\ndata: {id}\n\n");
    }
}

stackup_plugin::export!(app Ticker);

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get, json};

    use super::*;

    #[test]
    fn stream_ends_where_its_request_drains() {
        let ticker = testing::app::<Ticker>(json!({ "seconds": 600.0 })).unwrap();
        block_on(async {
            let res = ticker.answer(get("/")).await.unwrap();
            ticker.drain();
            assert_eq!(res.finish().await.unwrap(), "retry: 100\n\n");
        });
    }

    #[test]
    fn stream_goes_on_after_the_last_event() {
        let ticker = testing::app::<Ticker>(json!({ "seconds": 0.0 })).unwrap();
        block_on(async {
            let request = get("/").header("last-event-id", "41");
            let mut res = ticker.answer(request).await.unwrap();
            let mut body = res.take_body();
            for expected in ["retry: 100\n\n", "id: 42\ndata: 42\n\n"] {
                let frame = body.frame().await.unwrap().unwrap();
                assert_eq!(frame.into_data().unwrap(), expected);
            }
        });
    }
}
