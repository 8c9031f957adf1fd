//! Changing a connection to another protocol (RFC 9110 §7.8).

mod io;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{StatusCode, header};

use crate::abi::plugin::body::BodyHandle;
use crate::abi::plugin::context::ContextHandle;
use crate::author::body::{Gone, Sender, Writer};
use crate::{Body, Error, Request, Response, Result};

/// As many frames wait for the client before a write waits.
const FRAMES: usize = 8;

impl Request {
    /// The protocols that the client offers to change the connection to, in its order. None where the connection can't change: with
    /// HTTP/1.0, for a request that has a body or was made by a handler, on a host that is older than upgrades.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        let protocols = self.offered().unwrap_or_default().split(',');
        protocols.map(str::trim).filter(|name| !name.is_empty())
    }

    /// Whether the client offers this protocol. Case does not matter.
    pub fn offers(&self, protocol: &str) -> bool {
        self.protocols()
            .any(|offered| offered.eq_ignore_ascii_case(protocol))
    }

    /// Changes the connection to `protocol`, once the response has left the stack: then `run` has it. The connection ends with `run`,
    /// and what it has written is sent before; after an error or a panic the rest is dropped. `run` is dropped when the client can't get
    /// any more: it has left, a layer above has dropped the response, or a [deadline](Self::draining) has passed.
    ///
    /// `run` is a task of the handler, beside the request. The layers above see a 101 whose body is what the client gets.
    ///
    /// ```
    /// # use stackup_plugin::{Request, Result, testing};
    /// async fn echo(mut req: Request) -> Result {
    ///     req.upgrade("echo", |mut stream| async move {
    ///         while let Some(bytes) = stream.read().await? {
    ///             stream.write(bytes).await?;
    ///         }
    ///         Ok(())
    ///     })
    /// }
    /// # fn main() -> Result<()> {
    /// # testing::block_on(async {
    /// let request = testing::get("/").offering("echo", "Hello?");
    /// let res = testing::app_fn(echo)?.answer(request).await?;
    /// assert_eq!((res.status().as_u16(), res.accepted()), (101, Some("echo")));
    /// assert_eq!(res.finish().await?, "Hello?");
    ///
    /// let refused = testing::app_fn(echo)?.answer(testing::get("/")).await.unwrap_err();
    /// assert_eq!(refused.status().as_u16(), 426);
    /// # Ok(()) })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// With status 426 (RFC 9110 §15.5.22) if the client does not offer `protocol`.
    pub fn upgrade<F, R>(&mut self, protocol: &str, run: F) -> Result<Response>
    where
        F: FnOnce(Upgraded) -> R,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        if !self.offers(protocol) {
            let message =
                format!("this needs the protocol `{protocol}`, which the client does not offer");
            let error = Error::new(StatusCode::UPGRADE_REQUIRED, message);
            return Err(error.with_header(header::UPGRADE, protocol)?);
        }
        let mut response = Response::new(StatusCode::SWITCHING_PROTOCOLS);
        let context = ContextHandle::current();
        let incoming = self.take_incoming();
        let (Some(context), Some(incoming)) = (context, incoming) else {
            return Err(Error::msg("only a handler can change the protocol"));
        };
        if !response.accept(protocol) {
            return Err(Error::msg(format!("`{protocol}` is no protocol")));
        }
        let (sender, body) = Body::channel(FRAMES);
        let stream = Upgraded {
            incoming: Body::from_handle(BodyHandle::from_raw(incoming)),
            unread: Bytes::new(),
            outgoing: sender.writer(),
            end: None,
        };
        let task = drive(Unfinished(Some(sender)), run(stream));
        drop(context.spawn(&format!("upgrade to {protocol}"), task));
        response.set_body(body);
        Ok(response)
    }
}

/// Runs the connection until it ends or the client is gone.
async fn drive(mut outgoing: Unfinished, running: impl Future<Output = Result<()>>) {
    let mut running = pin!(running);
    let ended = poll_fn(|cx| {
        if let Poll::Ready(ended) = running.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        match &mut outgoing.0 {
            Some(sender) => sender.poll_gone(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await;
    let sender = outgoing.0.take();
    match (ended, sender) {
        (Some(Err(error)), Some(sender)) => sender.fail(error),
        (_, sender) => drop(sender),
    }
}

/// What the client gets. If it is dropped, the connection has not ended by itself.
struct Unfinished(Option<Sender>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            sender.fail(Error::msg(
                "the handler of an upgraded connection was aborted",
            ));
        }
    }
}

/// A connection that has changed to another protocol: bytes both ways. One to a client ends with the future that has got it,
/// one to a server when it is dropped. With the feature `tokio` it has the traits of `tokio::io`, with `futures-io` those of the crate of that name.
pub struct Upgraded {
    incoming: Body,
    /// Of the last frame.
    unread: Bytes,
    outgoing: Writer,
    /// Ends what the other side gets, where no future does.
    end: Option<Sender>,
}

impl Upgraded {
    /// What a server is to get, once it has accepted.
    pub(crate) fn outgoing() -> (Sender, Body) {
        Body::channel(FRAMES)
    }

    /// A connection to a server, which sends `incoming`.
    pub(crate) fn connected(incoming: Body, sender: Sender) -> Self {
        Self {
            incoming,
            unread: Bytes::new(),
            outgoing: sender.writer(),
            end: Some(sender),
        }
    }

    /// Tells the server that nothing follows. What it sends can still be read. To a client nothing is said: a connection to one
    /// ends with its future.
    pub fn shutdown(&mut self) {
        self.end = None;
    }

    /// The next bytes from the other side; none once it has closed its direction. It may still read then.
    ///
    /// # Errors
    ///
    /// The connection broke off.
    pub async fn read(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|cx| self.poll_bytes(cx)).await
    }

    /// Sends bytes; waits until there is room.
    ///
    /// # Errors
    ///
    /// [`Gone`] if the other side has left.
    pub async fn write(&mut self, bytes: impl Into<Bytes>) -> Result<(), Gone> {
        poll_fn(|cx| self.outgoing.poll_ready(cx)).await?;
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.outgoing.push(bytes);
        }
        Ok(())
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        loop {
            if !self.unread.is_empty() {
                return Poll::Ready(Ok(Some(std::mem::take(&mut self.unread))));
            }
            let Some(frame) = ready!(self.incoming.poll_frame(cx)) else {
                return Poll::Ready(Ok(None));
            };
            if let Ok(bytes) = frame?.into_data() {
                self.unread = bytes;
            }
        }
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").finish_non_exhaustive()
    }
}
