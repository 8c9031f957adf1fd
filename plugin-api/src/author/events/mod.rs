//! Server-sent events (HTML §9.2): what a browser's `EventSource` reads.

mod event;
mod stream;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use http::header;

use self::stream::EventStream;
use crate::author::body::{Gone, Sender};
use crate::{Body, IntoResponse, Request, Response, Result};

pub use self::event::Event;

impl Request {
    /// Answers with the events that `run` sends. The response ends with `run`; after an error or a panic it is cut off. A browser's
    /// `EventSource` connects again after either: only a response with status 204 ends it (HTML §9.2.3).
    ///
    /// `run` works while the client takes what it sends, and is dropped when the client has left. When the request gets a deadline
    /// ([`draining`](Self::draining)), `run` may send one more event, as in a `select!` over `draining`; then the response ends, and the
    /// browser connects to the new code, with the [id of the last event](Self::last_event_id) that it has got.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use stackup_plugin::testing;
    /// use stackup_plugin::events::{Event, Sse};
    /// use stackup_plugin::{App, Context, Request, Result, IntoResponse};
    ///
    /// struct Ticks(Context);
    ///
    /// impl App for Ticks {
    ///     type Config = ();
    ///
    ///     fn init((): (), cx: &Context) -> Result<Self> {
    ///         Ok(Self(cx.clone()))
    ///     }
    ///
    ///     async fn call(&self, req: Request) -> Result {
    ///         let last = req.last_event_id().and_then(|id| id.parse().ok());
    ///         let (first, cx) = (last.map_or(1, |last: u32| u64::from(last) + 1), self.0.clone());
    ///         let ticks = req.events(|mut events| async move {
    ///             for tick in first.. {
    ///                 events.send(Event::data("tick").with_id(tick)?).await?;
    ///                 cx.sleep(Duration::from_secs(1)).await;
    ///             }
    ///             Ok(())
    ///         });
    ///         ticks.into_response()
    ///     }
    /// }
    /// # fn main() -> Result<()> {
    /// # testing::block_on(async {
    /// # let ticks = testing::app::<Ticks>(testing::json!({}))?;
    /// # let mut res = ticks.answer(testing::get("/").header("last-event-id", "41")).await?;
    /// # let mut body = res.take_body();
    /// # let frame = body.frame().await.unwrap()?.into_data().unwrap();
    /// # assert_eq!(frame, "id: 42\ndata: tick\n\n");
    /// # ticks.drain();
    /// # assert!(body.frame().await.is_none());
    /// # Ok(()) })
    /// # }
    /// ```
    pub fn events<F, R>(&self, run: F) -> Sse
    where
        F: FnOnce(EventSender) -> R,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        // One event: `run` goes no further than the client.
        let (sender, sent) = Body::channel(1);
        let running = Box::pin(run(EventSender(sender)));
        Sse(EventStream::new(running, sent, self.draining()))
    }

    /// The id of the last event that the browser has got from this address, when its `EventSource` connects again (HTML §9.2.4).
    pub fn last_event_id(&self) -> Option<&str> {
        let id = self.headers().get("last-event-id")?.as_bytes();
        std::str::from_utf8(id).ok().filter(|id| !id.is_empty())
    }
}

/// A response of server-sent events: [`Request::events`]. It has the headers `content-type: text/event-stream`; `cache-control:
/// no-store`, as no cache should collect it; and `x-accel-buffering: no`, so that nginx passes each event on at once.
pub struct Sse(EventStream);

impl Sse {
    /// Tells the browser to wait so long before it connects again. Without it a browser waits for a few seconds.
    #[must_use]
    pub fn retry(mut self, time: Duration) -> Self {
        self.0.retry(time);
        self
    }

    /// A comment is sent after so long without an event, since proxies close connections that say nothing, and only a write finds that a
    /// client is gone. 15 seconds unless set; [`Duration::MAX`] for never.
    #[must_use]
    pub fn keep_alive(mut self, silence: Duration) -> Self {
        self.0.keep_alive(silence);
        self
    }
}

impl IntoResponse for Sse {
    fn into_response(self) -> Result<Response> {
        let mut response = Body::new(self.0).into_response()?;
        let mut headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, "text/event-stream")?;
        headers.insert(header::CACHE_CONTROL, "no-store")?;
        headers.insert("x-accel-buffering", "no")?;
        Ok(response)
    }
}

impl fmt::Debug for Sse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sse").finish_non_exhaustive()
    }
}

/// Sends the events of a response.
#[derive(Debug)]
pub struct EventSender(Sender);

impl EventSender {
    /// Sends an event, or text as the data of one; waits while the client takes nothing.
    ///
    /// # Errors
    ///
    /// [`Gone`] if the response has ended: in a task that has taken the sender along. The future of [`Request::events`] is dropped then.
    pub async fn send(&mut self, event: impl Into<Event>) -> Result<(), Gone> {
        self.0.send(event.into().into_block()).await
    }
}
