//! Streams of handlers that nobody changes: no swap of other code ends one.

use std::io;

use stackup_tests::{Connection, within};
use tokio::task::JoinHandle;

use super::actions::Action;

/// One that its handler would end by itself, as soon as it had a deadline, and a silent one that the host would cut at it.
const TARGETS: [&str; 2] = ["/events", "/probe/held"];

/// Open streams of one worker.
pub(super) struct Streams([JoinHandle<String>; 2]);

impl Streams {
    /// Opens all.
    pub(super) async fn open(address: &str) -> Self {
        let mut streams = Vec::new();
        for target in TARGETS {
            let open = async {
                loop {
                    // A worker that ends may have taken the connection.
                    if let Ok(stream) = begin(address, target).await {
                        return stream;
                    }
                }
            };
            let stream = within("a stream", open).await;
            streams.push(tokio::spawn(until_end(stream)));
        }
        Self(streams.try_into().expect("as many as targets"))
    }

    /// Asserts that the action has ended none.
    pub(super) async fn assert_open(&mut self, action: Action) {
        for (stream, target) in self.0.iter_mut().zip(TARGETS) {
            if stream.is_finished() {
                let end = stream.await.expect("its task does not panic");
                panic!("{action:?} has ended the stream of {target}: {end}");
            }
        }
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

async fn begin(address: &str, target: &str) -> io::Result<Connection> {
    let mut stream = Connection::try_tcp(address).await?;
    let head = format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n");
    stream.try_send(head.as_bytes()).await?;
    let head = stream.try_head().await?;
    assert_eq!(head.status, 200, "{target}");
    stream.chunk().await?;
    Ok(stream)
}

/// How the stream ends.
async fn until_end(mut stream: Connection) -> String {
    loop {
        match stream.chunk().await {
            Ok(chunk) if chunk.is_empty() => return "it ended itself".to_owned(),
            Ok(_) => {}
            Err(error) => return format!("it was cut: {error}"),
        }
    }
}
