//! What a client sends in the protocol that its connection has changed to.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame};
use stackup_plugin::abi::host::Failure;
use tokio::io::ReadBuf;
use tokio::sync::oneshot;

use crate::serve::generation::UpgradeRecord;

/// The most that is read at once.
const READ: usize = 16 << 10;

/// The socket of a connection that has changed, for the side that reads.
pub(super) trait ReadSocket: Send + Sync {
    /// Reads what has arrived.
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>>;
}

/// What a client sends.
pub(super) struct ClientBytes {
    /// What arrived together with the request.
    pub(super) early: Bytes,
    pub(super) socket: Arc<dyn ReadSocket>,
    pub(super) record: Arc<UpgradeRecord>,
}

/// The bytes, as the body that a handler reads.
pub(super) struct Incoming(State);

enum State {
    /// The client does not know yet that the connection changes.
    Waiting(oneshot::Receiver<ClientBytes>),
    Open(ClientBytes),
    Ended,
}

impl Incoming {
    /// Waits until the connection has changed.
    pub(super) fn new() -> (oneshot::Sender<ClientBytes>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(State::Waiting(receiver)))
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let fail = |this: &mut Self, message: &str| {
            this.0 = State::Ended;
            let failure = Failure::body(StatusCode::BAD_REQUEST, message.to_owned());
            Poll::Ready(Some(Err(failure)))
        };
        loop {
            match &mut self.0 {
                State::Waiting(receiver) => match ready!(Pin::new(receiver).poll(cx)) {
                    Ok(bytes) => self.0 = State::Open(bytes),
                    Err(_) => return fail(&mut self, "the connection did not change its protocol"),
                },
                State::Open(bytes) => match ready!(bytes.poll_some(cx)) {
                    Ok(data) if data.is_empty() => self.0 = State::Ended,
                    Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                    Err(error) => {
                        return fail(
                            &mut self,
                            &format!("the connection has broken off: {error}"),
                        );
                    }
                },
                State::Ended => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, State::Ended)
    }
}

impl ClientBytes {
    /// Some bytes; none at the end.
    fn poll_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let mut data = std::mem::take(&mut self.early);
        if data.is_empty() {
            // On the stack: a connection that is idle needs no buffer.
            let mut buffer = [MaybeUninit::uninit(); READ];
            let mut buffer = ReadBuf::uninit(&mut buffer);
            ready!(self.socket.poll_read(cx, &mut buffer))?;
            data = Bytes::copy_from_slice(buffer.filled());
        }
        self.record.received(data.len());
        Poll::Ready(Ok(data))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    /// Has these bytes, and breaks off then.
    struct Broken(std::sync::Mutex<&'static [u8]>);

    impl ReadSocket for Broken {
        fn poll_read(&self, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            match std::mem::take(&mut *self.0.lock().unwrap()) {
                b"" => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                some => {
                    buffer.put_slice(some);
                    Poll::Ready(Ok(()))
                }
            }
        }
    }

    #[tokio::test]
    async fn what_came_with_the_request_is_read_first_and_a_break_is_an_error() {
        let (sender, mut incoming) = Incoming::new();
        let record = Arc::new(UpgradeRecord::new("echo"));
        let bytes = ClientBytes {
            early: Bytes::from_static(b"early"),
            socket: Arc::new(Broken(std::sync::Mutex::new(b"later"))),
            record,
        };
        assert!(sender.send(bytes).is_ok());
        for expected in ["early", "later"] {
            let frame = incoming.frame().await.unwrap().ok().unwrap();
            assert_eq!(frame.into_data().unwrap(), expected);
        }
        let broken = incoming.frame().await.unwrap().err().unwrap();
        assert!(broken.to_string().contains("has broken off"), "{broken}");
        assert!(incoming.frame().await.is_none());
    }
}
