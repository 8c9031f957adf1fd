//! Requests over the control socket.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{RwLock, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::control_clients::{ControlClients, Place};
use super::pending::{Responder, respond};
use super::worker::{Phase, Worker};
use super::{Event, Supervisor};
use crate::policy::restart::StackSource;
use crate::process::control::{MAX_REQUEST_LEN, Reply, Request, Site};
use crate::process::ipc::{Command, ReloadOptions};
use crate::serve::server::client_waits;
use crate::services::DataCommand;

/// How long a client may let the supervisor wait.
#[derive(Clone, Copy)]
struct ClientTimeouts {
    /// For its next request.
    request: Duration,
    /// To take a reply.
    reply: Duration,
}

impl Default for ClientTimeouts {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(60),
            reply: Duration::from_secs(10),
        }
    }
}

/// The least time between two renewals for sockets whose files were gone.
const RESTORE_INTERVAL: Duration = Duration::from_secs(10);

impl Supervisor {
    /// Starts accepting clients of the control socket.
    pub(super) fn listen_to_control(&mut self) {
        let Some(socket) = &self.control_socket else {
            return;
        };
        if let Some(listener) = &socket.discovery {
            self.accept_clients(listener);
        }
        let file = socket.file.as_ref().map(|file| &file.listener);
        self.control_accept = file.and_then(|listener| self.accept_clients(listener));
    }

    /// Accepts clients of `listener` from now on.
    fn accept_clients(
        &self,
        listener: &std::os::unix::net::UnixListener,
    ) -> Option<JoinHandle<()>> {
        let listener = listener.try_clone().and_then(|listener| {
            listener.set_nonblocking(true)?;
            UnixListener::from_std(listener)
        });
        let context = ControlContext {
            events: self.events.clone(),
            replies_in_flight: Arc::clone(&self.replies_in_flight),
            location: self.settings.location.clone(),
            clients: self.control_clients.clone(),
            timeouts: ClientTimeouts::default(),
        };
        match listener {
            Ok(listener) => Some(tokio::spawn(accept_loop(listener, context))),
            Err(error) => {
                tracing::error!("cannot listen on the control socket: {error}");
                None
            }
        }
    }

    /// Makes files of sockets again that are gone or belong elsewhere by now.
    pub(super) fn restore_files(&mut self) {
        if self.stopping.is_none() {
            self.restore_control_file();
            self.restore_sockets();
        }
    }

    /// A worker accepts only from the sockets that it was started with: it is renewed for a new one.
    fn restore_sockets(&mut self) {
        let now = Instant::now();
        let starts = |worker: &Worker| worker.phase == Phase::Starting;
        let busy = self.renewal.is_some() || self.workers.values().any(starts);
        if busy || now < self.next_restore {
            return;
        }
        for socket in &mut self.sockets {
            if !socket.has_lost_its_file() {
                continue;
            }
            // Its folder may be gone, too, or another process have the file.
            let Ok(new) = socket.made_again() else {
                continue;
            };
            std::mem::replace(socket, new).replaced_by(socket);
            self.unserved = true;
        }
        if self.unserved {
            self.next_restore = now + RESTORE_INTERVAL;
            self.renew("the file of a socket was gone", StackSource::Active, None);
        }
    }

    fn restore_control_file(&mut self) {
        let (location, asked) = (&self.settings.location, self.settings.control.as_deref());
        let Some(socket) = &mut self.control_socket else {
            return;
        };
        if !socket.restore(location, asked) {
            return;
        }
        if let Some(accept) = self.control_accept.take() {
            accept.abort();
        }
        let Some(file) = self
            .control_socket
            .as_ref()
            .and_then(|socket| socket.file.as_ref())
        else {
            return;
        };
        let path = file.path.display().to_string();
        tracing::info!(
            event = "control-socket",
            path,
            "control socket `{path}` is there again"
        );
        self.control_accept = self.accept_clients(&file.listener);
    }

    pub(super) fn handle_request(&mut self, request: Request, responder: Responder) {
        match request {
            // Answered where the client is.
            Request::Site {} => respond(responder, site_reply(&self.settings.location)),
            Request::Status {} => self.request_status(responder),
            Request::Reload(options) => self.reload(options, Some(responder)),
            Request::Restart {} => self.renew("restart", StackSource::Disk, Some(responder)),
            Request::History {} => respond(responder, self.history_reply()),
            Request::Snapshot { generation } => respond(responder, self.snapshot_reply(generation)),
            Request::Rollback { generation } => self.roll_back(generation, responder),
            Request::Upgrade {} => self.upgrade(Some(responder)),
            Request::Store(command) => {
                self.run_data_command(DataCommand::Store(command), responder)
            }
            Request::Cache(command) => {
                self.run_data_command(DataCommand::Cache(command), responder)
            }
            Request::Metrics {} => self.request_metrics(responder),
            Request::Stop {} => {
                // The reply comes first: the shutdown closes the control socket.
                respond(
                    responder,
                    Reply::ok(
                        "stopping: running requests may finish",
                        serde_json::Value::Null,
                    ),
                );
                self.stop("`stackup stop`");
            }
        }
    }

    /// Has the serving worker run it: the store is in that process, or the worker has the way to it.
    pub(super) fn run_data_command(&mut self, command: DataCommand, responder: Responder) {
        let query = self.pending.next_id();
        let refusal = match self.serving_worker() {
            Some(worker) if !worker.data_commands => {
                "the worker is of an older version that does not know the command: `stackup restart` replaces it"
            }
            Some(worker) if worker.send(Command::Data { query, command }) => {
                let number = worker.number;
                self.pending.expect_data_reply(query, number, responder);
                return;
            }
            _ => "no worker is serving right now: try again when `stackup status` shows one",
        };
        respond(responder, Reply::error(refusal));
    }

    pub(super) fn reload(&mut self, options: ReloadOptions, responder: Option<Responder>) {
        if options.retry {
            self.state.clear_failures();
        }
        let query = self.pending.next_id();
        let command = Command::Reload { query, options };
        let told = self
            .serving_worker()
            .is_some_and(|worker| worker.send(command));
        if told {
            self.notify.reloading();
            self.pending.expect_reload(query, options, responder);
        } else if let Some(responder) = responder {
            let text = "no worker is serving right now: try again when `stackup status` shows one";
            respond(responder, Reply::error(text));
        }
    }

    /// Sends the new worker the reloads that were requested while the old one was replaced.
    pub(super) fn resend_reloads(&self, number: u32) {
        let Some(worker) = self.workers.get(&number) else {
            return;
        };
        for (query, options) in self.pending.pending_reloads() {
            worker.send(Command::Reload { query, options });
        }
    }
}

/// What a client's connection needs.
#[derive(Clone)]
struct ControlContext {
    events: mpsc::UnboundedSender<Event>,
    /// Locked for reading while a request is answered: the shutdown waits for it.
    replies_in_flight: Arc<RwLock<()>>,
    /// The manifest.
    location: PathBuf,
    clients: ControlClients,
    timeouts: ClientTimeouts,
}

/// Whether the client is this user or root. The socket without a file has no mode that says so, and that of a file may be
/// changed.
fn is_ours(stream: &UnixStream) -> bool {
    let us = rustix::process::geteuid().as_raw();
    let is_ours = |user: u32| user == us || user == 0;
    stream.peer_cred().is_ok_and(|peer| is_ours(peer.uid()))
}

fn site_reply(location: &Path) -> Reply {
    Reply::ok("", serde_json::json!(Site::of(location)))
}

async fn accept_loop(listener: UnixListener, context: ControlContext) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if !is_ours(&stream) => {}
            Ok((stream, _)) => match context.clients.admit() {
                Some(place) => {
                    let number = place.number();
                    let task = tokio::spawn(serve_connection(stream, context.clone(), place));
                    context.clients.served_by(number, task.abort_handle());
                }
                None => refuse(&stream),
            },
            // Most often no descriptors are left: others have to close first.
            Err(_) => {
                if client_waits(&listener) {
                    context.clients.close_silent();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Closes the connection of a client for which there is no place.
fn refuse(stream: &UnixStream) {
    let reply = Reply::error("too many commands wait for their replies: try again later");
    // A new connection has room for it; a client that has gone already needs none.
    let _ = stream.try_write(&reply_line(&reply));
}

fn reply_line(reply: &Reply) -> Vec<u8> {
    let mut text = serde_json::to_vec(reply).unwrap_or_default();
    text.push(b'\n');
    text
}

/// Answers one line after the other, up to the first that is no request: what follows it is not meant for this socket, such
/// as the body of an HTTP request. What is longer than a request may be is not read to its end.
async fn serve_connection(stream: UnixStream, context: ControlContext, mut place: Place) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let most = MAX_REQUEST_LEN as u64 + 1;
        let mut request = (&mut reader).take(most);
        let read = timeout(
            context.timeouts.request,
            request.read_until(b'\n', &mut line),
        )
        .await;
        if !matches!(read, Ok(Ok(1..))) {
            return;
        }
        place.begin();
        let whole = line.last() == Some(&b'\n');
        let _replies_in_flight = context.replies_in_flight.read().await;
        let request = Request::parse(&line);
        let last = request.is_err() || !whole;
        let reply = match request {
            // Even if the supervisor's task is busy.
            Ok(Request::Site {}) => site_reply(&context.location),
            Ok(request) => answer(request, &context.events).await,
            Err(error) => Reply::error(error.to_string()),
        };
        let written = timeout(
            context.timeouts.reply,
            writer.write_all(&reply_line(&reply)),
        )
        .await;
        if !matches!(written, Ok(Ok(()))) || last {
            return;
        }
        place.end();
    }
}

async fn answer(request: Request, events: &mpsc::UnboundedSender<Event>) -> Reply {
    let (responder, reply) = oneshot::channel();
    let gone = || Reply::error("stackup is shutting down");
    if events.send(Event::Request(request, responder)).is_err() {
        return gone();
    }
    reply.await.unwrap_or_else(|_| gone())
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
