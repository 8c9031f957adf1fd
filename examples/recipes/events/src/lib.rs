//! Sends what is posted to all who listen. A reload ends the streams at once; browsers connect again, and miss nothing.

#![forbid(unsafe_code)]

use std::collections::VecDeque;

use stackup_plugin::events::{Event, EventSender};
use stackup_plugin::serde_json;
use stackup_plugin::{App, Bytes, Context, Error, IntoResponse, Request, Result, StatusCode};
use tokio::sync::watch;

/// So many events are kept for those who connect again.
const KEPT: usize = 1000;

/// The last events, with their numbers. `None` once the next instance has them.
type Log = Option<VecDeque<(u64, String)>>;

pub struct Events {
    log: watch::Sender<Log>,
}

impl App for Events {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        let log = watch::Sender::new(Some(VecDeque::new()));
        Ok(Self { log })
    }

    fn hand_over(&self) -> Option<Bytes> {
        let log = self.log.send_replace(None);
        serde_json::to_vec(&log).ok().map(Bytes::from)
    }

    fn inherit(&self, state: Bytes) -> Result<()> {
        self.log.send_replace(serde_json::from_slice(&state)?);
        Ok(())
    }

    async fn call(&self, mut req: Request) -> Result {
        if req.method() == "POST" {
            let body = req.take_body().collect(64 * 1024).await?;
            return self.publish(String::from_utf8_lossy(&body.bytes).into_owned());
        }
        let log = self.log.subscribe();
        let newest = newest(&log.borrow());
        let seen = req.last_event_id().and_then(|id| id.parse().ok());
        // A number that is not ours is of a server before a crash.
        let seen = seen.map_or(newest, |seen| if seen > newest { 0 } else { seen });
        req.events(|events| send(events, log, seen)).into_response()
    }
}

impl Events {
    fn publish(&self, text: String) -> Result {
        let published = self.log.send_if_modified(|log| {
            let number = newest(log) + 1;
            let Some(log) = log else { return false };
            log.push_back((number, text));
            log.drain(..log.len().saturating_sub(KEPT));
            true
        });
        if !published {
            let error = Error::new(StatusCode::SERVICE_UNAVAILABLE, "handed over");
            return Err(error.with_header("retry-after", "0")?);
        }
        StatusCode::NO_CONTENT.into_response()
    }
}

/// Sends the events after `seen`, as soon as there are any.
async fn send(mut events: EventSender, mut log: watch::Receiver<Log>, mut seen: u64) -> Result<()> {
    // A browser that connects again says where it was, even if it has got no event yet.
    events.send(Event::only_id(seen)?).await?;
    loop {
        let new: Vec<_> = {
            let Ok(log) = log.wait_for(|log| newest(log) > seen).await else {
                return Ok(());
            };
            let all = log.iter().flatten();
            all.filter(|(number, _)| *number > seen).cloned().collect()
        };
        for (number, text) in new {
            events.send(Event::data(text).with_id(number)?).await?;
            seen = number;
        }
    }
}

fn newest(log: &Log) -> u64 {
    log.iter()
        .flatten()
        .next_back()
        .map_or(0, |(number, _)| *number)
}

stackup_plugin::export!(app Events);

#[cfg(test)]
mod tests {
    use stackup_plugin::Body;
    use stackup_plugin::testing::{self, Answered, Mounted, block_on, get, json, post};

    use super::*;

    fn mounted() -> Mounted {
        testing::app::<Events>(json!({})).unwrap()
    }

    async fn publish(events: &Mounted, text: &str) -> u16 {
        let answer = events.answer(post("/", text.to_owned())).await;
        answer
            .map_or_else(|error| error.status(), |res| res.status())
            .as_u16()
    }

    /// A stream, after its first line: which event is the last so far.
    async fn listen(events: &Mounted, seen: Option<&str>) -> (Answered, Body) {
        let request = match seen {
            Some(seen) => get("/").header("last-event-id", seen),
            None => get("/"),
        };
        let mut res = events.answer(request).await.unwrap();
        let mut body = res.take_body();
        let first = chunk(&mut body).await.unwrap();
        assert!(first.starts_with("id: ") && first.lines().count() == 2);
        (res, body)
    }

    async fn chunk(body: &mut Body) -> Option<String> {
        let frame = body.frame().await?.unwrap();
        Some(String::from_utf8_lossy(&frame.into_data().unwrap()).into_owned())
    }

    #[test]
    fn listener_gets_what_is_published_after_it_has_come() {
        let events = mounted();
        block_on(async {
            assert_eq!(publish(&events, "before").await, 204);
            let (res, mut body) = listen(&events, None).await;
            assert_eq!(res.header("content-type"), Some("text/event-stream"));
            assert_eq!(publish(&events, "one\ntwo").await, 204);
            assert_eq!(
                chunk(&mut body).await.unwrap(),
                "id: 2\ndata: one\ndata: two\n\n"
            );
            assert_eq!(publish(&events, "three").await, 204);
            assert_eq!(chunk(&mut body).await.unwrap(), "id: 3\ndata: three\n\n");
        });
    }

    #[test]
    fn next_instance_continues_where_the_stream_has_ended() {
        let (old, new) = (mounted(), mounted());
        block_on(async {
            let (_res, mut body) = listen(&old, None).await;
            assert_eq!(publish(&old, "one").await, 204);
            new.inherit(&old.hand_over().unwrap().unwrap()).unwrap();
            assert_eq!(publish(&old, "late").await, 503);
            old.drain();
            while chunk(&mut body).await.is_some() {}
            assert_eq!(publish(&new, "two").await, 204);
            let (_res, mut body) = listen(&new, Some("1")).await;
            assert_eq!(chunk(&mut body).await.unwrap(), "id: 2\ndata: two\n\n");
            // A number from before a crash.
            let (_res, mut body) = listen(&new, Some("99")).await;
            assert_eq!(chunk(&mut body).await.unwrap(), "id: 1\ndata: one\n\n");
            assert_eq!(chunk(&mut body).await.unwrap(), "id: 2\ndata: two\n\n");
        });
    }

    #[test]
    fn no_more_than_the_last_events_are_kept() {
        let events = mounted();
        block_on(async {
            for _ in 0..=KEPT {
                publish(&events, "x").await;
            }
            let (_res, mut body) = listen(&events, Some("0")).await;
            assert!(chunk(&mut body).await.unwrap().starts_with("id: 2\n"));
        });
    }
}
