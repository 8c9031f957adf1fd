//! An app that streams events (HTML §9.2) until a reload replaces its code. Its clients then connect to the new one.

#![forbid(unsafe_code)]

use std::time::Duration;

use stackup_plugin::events::Event;
use stackup_plugin::{App, Context, IntoResponse, Request, Result};

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
        let last = req.last_event_id().and_then(|id| id.parse().ok());
        let first = last.map_or(1, |last: u32| u64::from(last) + 1);
        let (every, cx) = (self.every, self.cx.clone());
        let events = req.events(move |mut events| async move {
            for number in first.. {
                cx.sleep(every).await;
                let event = Event::data(number.to_string());
                events.send(event.with_id(number)?).await?;
            }
            Ok(())
        });
        events.retry(Duration::from_millis(100)).into_response()
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
