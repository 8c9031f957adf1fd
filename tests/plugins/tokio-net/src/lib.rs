//! An app that uses tokio's sockets, timers and tasks on a runtime of its own.

#![forbid(unsafe_code)]

use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::Duration;

use stackup_plugin::{App, Body, Context, IntoResponse, Request, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

struct TokioNet {
    listener: TcpListener,
}

impl App for TokioNet {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        // Needs the reactor already in `init`.
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        Ok(Self { listener })
    }

    async fn call(&self, req: Request) -> Result {
        match req.path_info() {
            "/sleep" => {
                sleep(Duration::from_millis(5)).await;
                "slept\n".into_response()
            }
            "/body" => Body::from_stream(Slow::default()).into_response(),
            _ => {
                let answer = timeout(Duration::from_secs(10), self.round_trip()).await??;
                answer.into_response()
            }
        }
    }
}

impl TokioNet {
    async fn round_trip(&self) -> std::io::Result<String> {
        let mut client = TcpStream::connect(self.listener.local_addr()?).await?;
        let (mut server, _) = self.listener.accept().await?;
        let echo = tokio::spawn(async move {
            let mut heard = [0; 4];
            server.read_exact(&mut heard).await?;
            server.write_all(&heard).await
        });
        client.write_all(b"ping").await?;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await?;
        echo.await??;
        Ok(answer)
    }
}

/// Three lines, each after a pause by tokio's clock.
#[derive(Default)]
struct Slow {
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
    lines: u8,
}

impl futures_core::Stream for Slow {
    type Item = Result<&'static str, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        if self.lines == 3 {
            return Poll::Ready(None);
        }
        let pause = self
            .pause
            .get_or_insert_with(|| Box::pin(sleep(Duration::from_millis(5))));
        ready!(pause.as_mut().poll(cx));
        self.pause = None;
        self.lines += 1;
        Poll::Ready(Some(Ok("line\n")))
    }
}

stackup_plugin::export!(tokio; app TokioNet);
