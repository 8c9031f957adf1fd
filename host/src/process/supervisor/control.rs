//! What people ask for over the control socket.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{RwLock, mpsc, oneshot};

use super::pending::{Asker, tell};
use super::{Event, Supervisor};
use crate::process::control::{LONGEST, Reply, Request};
use crate::process::ipc::{Ask, Order};

impl Supervisor {
    /// Hears who comes to the door.
    pub(super) fn listen_to_control(&self) {
        let Some(door) = &self.door else { return };
        let listener = door.listener.try_clone().and_then(|listener| {
            listener.set_nonblocking(true)?;
            UnixListener::from_std(listener)
        });
        match listener {
            Ok(listener) => {
                let talks = Talks {
                    events: self.events.clone(),
                    answering: Arc::clone(&self.answering),
                };
                drop(tokio::spawn(hear(listener, talks)));
            }
            Err(error) => tracing::error!("the control socket can't be listened to: {error}"),
        }
    }

    pub(super) fn asked(&mut self, request: Request, asker: Asker) {
        match request {
            Request::Status {} => self.tell_status(asker),
            Request::Reload(ask) => self.reload(ask, Some(asker)),
            Request::Restart {} => self.renew("restart", false, Some(asker)),
            Request::Upgrade {} => self.upgrade(Some(asker)),
            Request::Stop {} => {
                // The answer comes first: the door closes at the end.
                tell(
                    asker,
                    Reply::done(
                        "stopping: the last requests may finish",
                        serde_json::Value::Null,
                    ),
                );
                self.stop("`stackup stop`");
            }
        }
    }

    pub(super) fn reload(&mut self, ask: Ask, asker: Option<Asker>) {
        if ask.retry {
            self.memory.forgive();
        }
        let query = self.answers.number();
        let order = Order::Reload { query, ask };
        let told = self
            .serving_worker()
            .is_some_and(|worker| worker.tell(order));
        if told {
            self.notify.reloading();
            self.answers.expect_reload(query, ask, asker);
        } else if let Some(asker) = asker {
            let text = "no worker serves at this moment: ask again when `stackup status` shows one";
            tell(asker, Reply::refused(text));
        }
    }

    /// A reload that was asked for while the worker was replaced is the new one's.
    pub(super) fn ask_again(&self, number: u32) {
        let Some(worker) = self.workers.get(&number) else {
            return;
        };
        for (query, ask) in self.answers.open_reloads() {
            worker.tell(Order::Reload { query, ask });
        }
    }
}

/// What a conversation needs.
#[derive(Clone)]
struct Talks {
    events: mpsc::UnboundedSender<Event>,
    /// Read while a request is being answered: the end waits for it.
    answering: Arc<RwLock<()>>,
}

async fn hear(listener: UnixListener, talks: Talks) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream, talks.clone()))),
            // Most often no descriptors are left: others must close first.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
}

/// Answers one line after the other. What is longer than a request may be is not read to its end.
async fn converse(stream: UnixStream, talks: Talks) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let most = LONGEST as u64 + 1;
        let read = (&mut reader).take(most).read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(1..)) {
            return;
        }
        let whole = line.last() == Some(&b'\n');
        let _answering = talks.answering.read().await;
        let reply = match Request::parse(&line) {
            Ok(request) => answer(request, &talks.events).await,
            Err(error) => Reply::refused(error.to_string()),
        };
        let mut text = serde_json::to_vec(&reply).unwrap_or_default();
        text.push(b'\n');
        if writer.write_all(&text).await.is_err() || !whole {
            return;
        }
    }
}

async fn answer(request: Request, events: &mpsc::UnboundedSender<Event>) -> Reply {
    let (asker, reply) = oneshot::channel();
    let gone = || Reply::refused("stackup ends");
    if events.send(Event::Asked(request, asker)).is_err() {
        return gone();
    }
    reply.await.unwrap_or_else(|_| gone())
}
