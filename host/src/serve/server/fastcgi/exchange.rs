//! One request: its body goes in while its response goes out.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either};
use stackup_plugin::abi::host::Connection;

use super::link::Link;
use super::management::{self, Values};
use super::opening::Begun;
use super::pairs::Pairs;
use super::record::{Kind, ProtocolStatus, put_end, put_response_end};
use super::response::{self, put_bare};
use super::transport::Responder;
use super::{FastcgiError, Malformed};
use crate::serve::observe::ObserverEnds;
use crate::serve::server::answer::answer;
use crate::serve::server::body::ResponseBody;
use crate::serve::server::cgi::{self, Feed, Head, RequestBody, body};
use crate::serve::server::client::accept;
use crate::serve::server::connection_state::{ConnectionContext, ConnectionState};
use crate::serve::server::send_file::SendFile;
use crate::serve::server::unread_body::SHORT;

/// What is the same for all requests of a connection.
#[derive(Debug)]
pub(super) struct Requests<'a> {
    pub(super) peer: Connection,
    pub(super) served: &'a ConnectionContext,
    pub(super) state: &'a Arc<ConnectionState>,
    pub(super) values: Values,
    pub(super) header_count: usize,
}

/// What becomes of a connection after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It waits for the next one.
    Keep,
    Close,
    /// The front server may still send: a reset would cost it the response.
    Linger,
}

/// What the front server has done.
enum Arrived {
    Nothing,
    /// It has given up the request.
    Abort,
    /// It has closed the connection.
    Gone,
}

/// A page of stackup's own, or the stack's response.
type Answered = Response<Either<UnsyncBoxBody<Bytes, Infallible>, ResponseBody<Responder>>>;

impl Requests<'_> {
    /// Serves a request that has begun. The end of its response may still have to be sent.
    pub(super) async fn serve<S>(
        &self,
        link: &mut Link<S>,
        mut begun: Begun,
    ) -> Result<After, FastcgiError>
    where
        S: SendFile,
    {
        let (id, first) = (begun.id, begun.first.take());
        let has_body = first.as_ref().is_none_or(|first| !first.is_empty());
        let params = Pairs::of(&begun.params);
        let head = match cgi::read(&params, has_body, self.header_count) {
            Ok(head) => head,
            Err(error) => {
                tracing::debug!("a request by FastCGI is refused: {error}");
                put_bare(&mut link.output, id, error.status());
                put_response_end(&mut link.output, id);
                return Ok(After::Linger);
            }
        };
        self.state.wait.busy();
        let (feed, body) = body(head.length);
        if let Some(first) = first {
            feed.push(first);
        }
        let arrived = self.exchange(link, id, &feed, head, body).await?;
        Ok(match arrived {
            Arrived::Gone => return Err(FastcgiError::Gone),
            Arrived::Abort => {
                put_end(&mut link.output, id, ProtocolStatus::RequestComplete);
                self.after(&begun, Some(0))
            }
            Arrived::Nothing => {
                put_response_end(&mut link.output, id);
                self.after(&begun, feed.rest())
            }
        })
    }

    /// `rest` is how much of the body is still to arrive, if that is known.
    fn after(&self, begun: &Begun, rest: Option<u64>) -> After {
        let is_last = self.served.answers.last.load(Ordering::Relaxed);
        let may_keep = begun.keeps_connection && !is_last && self.state.ended_for().is_none();
        match rest {
            // A short rest is skipped.
            Some(rest) if rest <= SHORT && may_keep => After::Keep,
            Some(0) => After::Close,
            _ => After::Linger,
        }
    }

    /// Until the response has ended, or the front server ends it.
    async fn exchange<S>(
        &self,
        link: &mut Link<S>,
        id: u16,
        feed: &Feed,
        head: Head,
        body: RequestBody,
    ) -> Result<Arrived, FastcgiError>
    where
        S: SendFile,
    {
        let is_head = head.parts.method == Method::HEAD;
        let mut answered = pin!(self.answer(head, body));
        let mut sent = None;
        poll_fn(|cx| {
            loop {
                // What has arrived first: the request may have ended.
                match self.poll_arrived(link, id, feed, cx)? {
                    Arrived::Nothing => {}
                    ended => return Poll::Ready(Ok(ended)),
                }
                let (mut waits, mut is_over) = (false, false);
                while !waits && !is_over && link.has_room() {
                    match &mut sent {
                        None => match answered.as_mut().poll(cx) {
                            Poll::Ready(answered) => {
                                sent =
                                    Some(response::begin(answered, is_head, id, &mut link.output));
                            }
                            Poll::Pending => waits = true,
                        },
                        Some(body) => match body.poll_piece(&mut link.output, cx) {
                            Poll::Ready(Ok(more)) => is_over = !more,
                            Poll::Ready(Err(_)) => return Poll::Ready(Err(FastcgiError::Cut)),
                            Poll::Pending => waits = true,
                        },
                    }
                }
                if is_over {
                    return Poll::Ready(Ok(Arrived::Nothing));
                }
                if link.poll_flush(cx)?.is_pending() || waits {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Takes all that has arrived, as far as there is room for it.
    fn poll_arrived<S>(
        &self,
        link: &mut Link<S>,
        id: u16,
        feed: &Feed,
        cx: &mut Context<'_>,
    ) -> Result<Arrived, FastcgiError>
    where
        S: SendFile,
    {
        while link.has_room() && feed.has_room(cx) {
            let Poll::Ready(piece) = link.poll_piece(cx)? else {
                break;
            };
            match piece {
                None => return Ok(Arrived::Gone),
                Some(piece) if piece.id == id && piece.kind == Kind::Stdin => {
                    feed.push(piece.content);
                }
                Some(piece) if piece.id == id && piece.kind == Kind::AbortRequest => {
                    return Ok(Arrived::Abort);
                }
                Some(piece) if piece.id == id && piece.kind == Kind::Params => {
                    return Err(Malformed::SecondParams.into());
                }
                Some(piece) => {
                    management::answer(&piece, Some(id), self.values, &mut link.output)?;
                }
            }
        }
        Ok(Arrived::Nothing)
    }

    async fn answer(&self, head: Head, body: RequestBody) -> Answered {
        let Head {
            parts,
            framing,
            client,
            env,
            ..
        } = head;
        let mut request = Request::from_parts(parts, body);
        let peer = self.peer;
        let ends = ObserverEnds { peer, client };
        let answers = &self.served.answers;
        if let Some(observer) = &answers.observer
            && framing.is_ok()
            && observer.handles(request.uri())
        {
            let trusted = answers.active.load().trusted_proxies.clone();
            // What is refused here is refused below, too.
            if let Ok(client) = accept(&mut request, client, &trusted) {
                let ends = ObserverEnds { peer, client };
                let request = request.map(|body| body.map_err(io::Error::other).boxed_unsync());
                let own = observer.answer(request, ends).await;
                self.state.wait.answered();
                return own.map(Either::Left);
            }
        }
        let transport = Responder::new(self.state, env);
        let Ok(response) = answer(request, framing, &ends, answers, &transport).await;
        response.map(Either::Right)
    }
}
