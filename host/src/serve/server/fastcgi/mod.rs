//! FastCGI 1.0, for a web server in front that speaks it: nginx's `fastcgi_pass`, Apache's `proxy_fcgi`. One request at a time on
//! a connection, which goes the same way as with HTTP.
//!
//! The specification: <https://fastcgi-archives.github.io/FastCGI_Specification.html>.

mod exchange;
mod link;
mod management;
mod opening;
mod pairs;
mod record;
mod response;
mod transport;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::StatusCode;
use stackup_plugin::abi::host::Connection;

use self::exchange::{After, Requests};
use self::link::Link;
use self::record::put_response_end;
use self::response::put_bare;
use super::Phase;
use super::connection_state::{ConnectionContext, ConnectionState};
use super::send_file::SendFile;
use super::timed_socket::TimedSocket;
use super::unread_body::linger;
use crate::load::manifest::{Limits, TrustedProxies};
use crate::policy::ClientWait;

pub use self::management::Values;
pub use self::opening::{Begun, Opening, Step};
pub use self::pairs::Pairs;
pub use self::record::{Decoder, Kind, Piece};

/// What contradicts the protocol, so that nothing after it can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Another version than 1.
    #[error("it does not speak FastCGI 1: a record has the version {0}")]
    Version(u8),
    /// No role, or the number 0.
    #[error("a request begins with no role or no id")]
    Begin,
    /// A second begin of one number.
    #[error("a request begins again before it has ended")]
    SecondBegin,
    /// Params after their end.
    #[error("params follow their end")]
    SecondParams,
    /// A body before that.
    #[error("a body begins before the params have ended")]
    BodyBeforeParams,
    /// A length that is more than there is.
    #[error("name-value pairs are malformed")]
    Pairs,
}

/// Why a connection ends in the middle.
#[derive(Debug, thiserror::Error)]
enum FastcgiError {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    Socket(#[from] io::Error),
    #[error("the front server has closed it before the response has ended")]
    Gone,
    /// So that the front server can tell: after the end of a request it would take the response for whole.
    #[error("a response has failed")]
    Cut,
    #[error("the front server read nothing until the drain deadline of a generation")]
    Over,
}

/// Serves requests until the connection ends.
pub(super) async fn serve_fastcgi<S>(
    socket: S,
    peer: Connection,
    served: &ConnectionContext,
    state: &Arc<ConnectionState>,
) where
    S: SendFile + Send + 'static,
{
    let generation = served.answers.active.load();
    if !is_believed(&peer, &generation.trusted_proxies) {
        let peer = peer.remote.map(|peer| peer.to_string()).unwrap_or_default();
        tracing::debug!(
            "a connection from {peer} is closed: it speaks FastCGI, and is neither of this machine nor in `trusted_proxies`"
        );
        return;
    }
    let limits = generation.limits.clone();
    drop(generation);
    let mut link = Link::new(TimedSocket::of_frames(socket, state, limits.send_timeout));
    let requests = Requests {
        peer,
        served,
        state,
        values: Values {
            connections: served.connections.limit(),
        },
        header_count: limits.header_count,
    };
    let after = {
        let mut serving = pin!(serve_requests(&mut link, &requests, &limits));
        poll_fn(|cx| {
            let polled = serving.as_mut().poll(cx);
            if polled.is_pending() && state.sending.is_over(cx) {
                return Poll::Ready(Err(FastcgiError::Over));
            }
            polled
        })
        .await
    };
    state.sending.flushed();
    if let Some(reason) = state.ended_for() {
        served.connections.ended_for(reason);
    }
    match after {
        Ok(After::Linger) => {
            state.wait.waits(ClientWait::Close);
            linger(link.into_socket(), served.phase.clone()).await;
        }
        Ok(After::Close | After::Keep) => {}
        Err(error) => tracing::debug!("a connection of FastCGI ended early: {error}"),
    }
}

/// Whether a front server is believed when it names the client: a peer on this machine, since whoever may connect there was meant
/// to, and one in `trusted_proxies`.
fn is_believed(peer: &Connection, trusted: &TrustedProxies) -> bool {
    let Some(remote) = peer.remote else {
        return true;
    };
    remote.ip().is_loopback() || trusted.trust(Some(remote.ip()))
}

async fn serve_requests<S>(
    link: &mut Link<S>,
    requests: &Requests<'_>,
    limits: &Limits,
) -> Result<After, FastcgiError>
where
    S: SendFile,
{
    loop {
        let after = match begin(link, requests, limits).await? {
            Begin::Begun(begun) if begun.is_too_large => {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                refuse(link, begun.id, status)
            }
            Begin::Begun(begun) => match requests.serve(link, begun).await {
                Err(FastcgiError::Cut) => {
                    // What there is of it.
                    link.finish().await?;
                    return Err(FastcgiError::Cut);
                }
                served => served?,
            },
            Begin::TooSlow(id) => refuse(link, id, StatusCode::REQUEST_TIMEOUT),
            Begin::None => After::Close,
        };
        if after == After::Keep {
            link.flush().await?;
            requests.state.wait.waits(ClientWait::Idle);
            continue;
        }
        link.finish().await?;
        return Ok(match link.has_arrived() {
            true => After::Linger,
            false => after,
        });
    }
}

/// Refuses a request that has begun.
fn refuse<S: SendFile>(link: &mut Link<S>, id: u16, status: StatusCode) -> After {
    put_bare(&mut link.output, id, status);
    put_response_end(&mut link.output, id);
    After::Linger
}

/// How a request begins.
enum Begin {
    Begun(Begun),
    /// Its params have not arrived in time.
    TooSlow(u16),
    /// There is none.
    None,
}

/// Waits for a request, within `header_timeout`, and for the first one while the server does not stop.
async fn begin<S>(
    link: &mut Link<S>,
    requests: &Requests<'_>,
    limits: &Limits,
) -> Result<Begin, FastcgiError>
where
    S: SendFile,
{
    let mut opening = Opening::new(requests.values, limits.header_bytes);
    let mut phase = requests.served.phase.clone();
    let mut stopping = pin!(phase.wait_for(|phase| *phase == Phase::Stopping));
    let mut timeout = pin!(async {
        match limits.header_timeout {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    });
    let mut stops = false;
    poll_fn(|cx| {
        let mut has_begun = opening.id().is_some();
        while link.has_room()
            && let Poll::Ready(piece) = link.poll_piece(cx)?
        {
            let Some(piece) = piece else {
                return Poll::Ready(Ok(Begin::None));
            };
            match opening.take(piece, &mut link.output)? {
                Step::More => {}
                Step::Begun(begun) => return Poll::Ready(Ok(Begin::Begun(begun))),
                Step::Close => return Poll::Ready(Ok(Begin::None)),
            }
            if opening.id().is_some() && !std::mem::replace(&mut has_begun, true) {
                requests.state.wait.waits(ClientWait::Head);
            }
        }
        // Answers to questions. Once they are sent there may be room to read on.
        if !link.output.is_empty() && link.poll_flush(cx)?.is_ready() {
            cx.waker().wake_by_ref();
        }
        stops = stops || stopping.as_mut().poll(cx).is_ready();
        if stops && opening.id().is_none() {
            return Poll::Ready(Ok(Begin::None));
        }
        if timeout.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(opening.id().map_or(Begin::None, Begin::TooSlow)));
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_of_this_machine_and_trusted_proxies_are_believed() {
        let mut trusted = TrustedProxies::default();
        let believed = |peer: Option<&str>, trusted: &TrustedProxies| {
            let remote = peer.map(|peer| peer.parse().unwrap());
            let peer = Connection {
                remote,
                ..Connection::default()
            };
            is_believed(&peer, trusted)
        };
        assert!(believed(None, &trusted));
        assert!(believed(Some("127.0.0.9:1"), &trusted));
        assert!(believed(Some("[::1]:1"), &trusted));
        assert!(!believed(Some("192.0.2.7:1"), &trusted));
        trusted = TrustedProxies::of("192.0.2.0/24");
        assert!(believed(Some("192.0.2.7:1"), &trusted));
        assert!(!believed(Some("198.51.100.7:1"), &trusted));
    }
}
