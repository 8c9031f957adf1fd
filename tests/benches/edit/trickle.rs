//! A request each 5 ms, on a connection of its own.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

const INTERVAL: Duration = Duration::from_millis(5);
/// A client that waits longer gives up.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Sends requests until stopped.
pub(crate) struct Trickle {
    task: JoinHandle<Counts>,
    end: oneshot::Sender<()>,
}

/// The result.
#[derive(Default)]
pub(crate) struct Counts {
    requests: usize,
    failed: usize,
}

impl Trickle {
    pub(crate) fn start(address: &str) -> Self {
        let (end, mut ended) = oneshot::channel();
        let address = address.to_owned();
        let task = tokio::spawn(async move {
            let mut interval = tokio::time::interval(INTERVAL);
            let (mut asked, mut open) = (Counts::default(), JoinSet::new());
            while ended.try_recv().is_err() {
                interval.tick().await;
                let address = address.clone();
                open.spawn(async move { ask(&address).await.is_some() });
                while let Some(answered) = open.try_join_next() {
                    asked.count(answered.unwrap_or(false));
                }
            }
            while let Some(answered) = open.join_next().await {
                asked.count(answered.unwrap_or(false));
            }
            asked
        });
        Self { task, end }
    }

    pub(crate) async fn end(self) -> Counts {
        // It still receives, as its task runs.
        let _ = self.end.send(());
        self.task.await.unwrap_or_default()
    }
}

impl Counts {
    fn count(&mut self, answered: bool) {
        self.requests += 1;
        self.failed += usize::from(!answered);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, failed } = self;
        write!(f, "requests that failed: {failed} of {requests}")
    }
}

/// The response to a GET, if it is a complete 200.
pub(crate) async fn ask(address: &str) -> Option<String> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = "GET / HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await.ok()?;
        response.starts_with("HTTP/1.1 200").then_some(response)
    };
    tokio::time::timeout(TIMEOUT, asked).await.ok()?
}
