//! Long-lived connections: event streams, WebSockets, uploads, and requests to a guest. Each ends only for a reason that its client sees.

use std::io;

use stackup_tests::{Connection, within};
use tokio::task::JoinHandle;
use tokio::time::{Duration, sleep};

use super::actions::Action;
use super::server::{Revision, TestServer};
use crate::websocket::frame::{CLOSE, Frame, TEXT};

/// The pause of a client between two messages or pieces.
const PACE: Duration = Duration::from_millis(20);
/// As many pieces has an upload.
const PIECES: usize = 25;

/// What a client does with its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Reads events.
    Events,
    /// Sends messages over a WebSocket, and reads them.
    Socket,
    /// Sends one long body after another, and reads it piece by piece.
    Upload,
    /// Sends requests to a guest, which outlives each worker.
    Guest,
    /// Reads a response of which nothing comes.
    Silent,
}

/// The connections of the test. A layer above `/changed` is replaced with each manifest.
const ALL: [(Kind, &str); 6] = [
    (Kind::Events, "/events"),
    (Kind::Events, "/changed/events"),
    (Kind::Socket, "/socket"),
    (Kind::Socket, "/changed/socket"),
    (Kind::Upload, "/probe/echo"),
    (Kind::Silent, "/probe/held"),
];

/// How a connection ended.
#[derive(Debug)]
enum End {
    /// As the protocol says it: the end of a stream, or a close frame with 1012.
    Told,
    /// In any other way.
    Cut(String),
}

/// A client with an open connection.
struct Client {
    kind: Kind,
    path: &'static str,
    /// The process that serves it.
    worker: i32,
    revision: Revision,
    task: JoinHandle<End>,
}

/// Clients with open connections.
pub(super) struct Lasting {
    clients: Vec<Client>,
    /// How many were told that they end, and how many ended with their worker.
    told: usize,
    cut: usize,
}

impl Lasting {
    /// Opens all.
    pub(super) async fn open(server: &TestServer) -> Self {
        let mut clients = Vec::new();
        let guest = server.has_guest().then_some((Kind::Guest, "/guest"));
        for (kind, path) in ALL.into_iter().chain(guest) {
            clients.push(Client::open(server, kind, path).await);
        }
        Self {
            clients,
            told: 0,
            cut: 0,
        }
    }

    /// Asserts that the action has ended only those that it had to, in their own way unless their worker has died. Those that have
    /// ended connect again.
    pub(super) async fn check(&mut self, server: &TestServer, action: Action) {
        for client in &self.clients {
            if client.kind == Kind::Silent && server.workers() != [client.worker] {
                // It would hold its worker until a deadline.
                client.task.abort();
            }
        }
        let worker = server.one_worker().await;
        // A worker that dies tells nobody; the log says why it died.
        let may_cut = action.max_lost() > 0;
        for client in &mut self.clients {
            let (kind, path) = (client.kind, client.path);
            let moves = client.worker != worker;
            let reconnects = matches!(kind, Kind::Upload | Kind::Guest);
            if kind == Kind::Silent && moves {
                *client = Client::open(server, kind, path).await;
                continue;
            }
            let must_end = match kind {
                Kind::Events | Kind::Socket => moves || client.is_replaced(server.revision()),
                Kind::Upload | Kind::Guest | Kind::Silent => false,
            };
            if !must_end && !client.task.is_finished() {
                continue;
            }
            let end = within("the end of a connection", &mut client.task).await;
            match end.expect("a client does not panic") {
                End::Told if must_end => self.told += 1,
                End::Cut(how) if may_cut && (moves || reconnects) => {
                    println!("{action:?} has cut {kind:?} {path}: {how}");
                    self.cut += 1;
                }
                end => panic!(
                    "{action:?} has ended {kind:?} {path}: {end:?}; the log:\n{}",
                    server.host.log()
                ),
            }
            *client = Client::open(server, kind, path).await;
        }
    }

    /// Closes all. Returns how many were told that they end, and how many were cut.
    pub(super) fn close(self) -> (usize, usize) {
        self.clients.iter().for_each(|client| client.task.abort());
        (self.told, self.cut)
    }
}

impl Client {
    /// Connects until it is known which worker serves it.
    async fn open(server: &TestServer, kind: Kind, path: &'static str) -> Self {
        loop {
            let (worker, revision) = (server.one_worker().await, server.revision());
            let task = connect(server.host.address().to_owned(), kind, path).await;
            if server.workers() == [worker] {
                return Self {
                    kind,
                    path,
                    worker,
                    revision,
                    task,
                };
            }
            task.abort();
        }
    }

    /// Whether a handler of its stack was replaced.
    fn is_replaced(&self, now: Revision) -> bool {
        let new_code = self.kind == Kind::Socket && now.sockets != self.revision.sockets;
        new_code || (self.path.starts_with("/changed") && now.mark != self.revision.mark)
    }
}

/// A client whose connection is open.
async fn connect(address: String, kind: Kind, path: &'static str) -> JoinHandle<End> {
    let connection = connected(&address, kind, path).await;
    tokio::spawn(async move {
        match kind {
            Kind::Events | Kind::Silent => read_events(connection).await,
            Kind::Socket => converse(connection).await,
            Kind::Upload => upload(address, connection).await,
            Kind::Guest => ask(address, connection).await,
        }
        .unwrap_or_else(|error| End::Cut(error.to_string()))
    })
}

/// An open connection.
async fn connected(address: &str, kind: Kind, path: &str) -> Connection {
    within("a connection", async {
        loop {
            // A worker that ends may have taken the last one.
            if let Ok(connection) = begin(address, kind, path).await {
                return connection;
            }
        }
    })
    .await
}

/// Sends the head of a request, and reads the response's up to the first part of its body.
async fn begin(address: &str, kind: Kind, path: &str) -> io::Result<Connection> {
    let mut connection = Connection::try_tcp(address).await?;
    let (method, fields, status) = match kind {
        Kind::Events | Kind::Silent | Kind::Guest => ("GET", "", 200),
        Kind::Socket => (
            "GET",
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            101,
        ),
        Kind::Upload => ("POST", "transfer-encoding: chunked\r\n", 200),
    };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n{fields}\r\n");
    connection.try_send(head.as_bytes()).await?;
    if kind == Kind::Upload {
        connection.try_send(b"5\r\npiece\r\n").await?;
    }
    let head = connection.try_head().await?;
    let is_last = head.header("connection") == Some("close");
    if head.status != status || (kind == Kind::Guest && is_last) {
        return Err(io::Error::other(format!("{path}: {head:?}")));
    }
    if kind == Kind::Guest {
        connection.body(&head).await?;
        return Ok(connection);
    }
    if kind != Kind::Socket && connection.chunk().await?.is_empty() {
        return Err(io::Error::other("it has ended already"));
    }
    Ok(connection)
}

/// Reads a stream to its end. No event of one stream is missing.
async fn read_events(mut stream: Connection) -> io::Result<End> {
    let mut last = None;
    loop {
        let chunk = stream.chunk().await?;
        if chunk.is_empty() {
            return Ok(End::Told);
        }
        let text = String::from_utf8_lossy(&chunk).into_owned();
        let id = text
            .strip_prefix("id: ")
            .and_then(|rest| rest.lines().next());
        let id: Option<u64> = id.and_then(|id| id.parse().ok());
        let expected = last.map(|last: u64| last + 1);
        if let (Some(expected), Some(id)) = (expected, id) {
            assert_eq!(id, expected, "an event is missing");
        }
        last = id.or(last);
    }
}

/// Sends messages until the host closes the socket.
async fn converse(mut socket: Connection) -> io::Result<End> {
    for number in 0_u64.. {
        let message = number.to_string();
        // The close frame may be on its way.
        let sent = socket
            .try_send(&Frame::new(TEXT, message.clone()).bytes())
            .await;
        let Some(frame) = Frame::read(&mut socket).await else {
            let how = sent
                .err()
                .map_or("no close frame".to_owned(), |error| error.to_string());
            return Ok(End::Cut(how));
        };
        match (frame.opcode, frame.code()) {
            (TEXT, _) => assert_eq!(frame.payload, message.into_bytes()),
            (CLOSE, Some(1012)) => return Ok(End::Told),
            other => return Ok(End::Cut(format!("{other:?}"))),
        }
        sleep(PACE).await;
    }
    Ok(End::Told)
}

/// Sends one long body after another. Each comes back, piece by piece.
async fn upload(address: String, mut connection: Connection) -> io::Result<End> {
    loop {
        for number in 0..PIECES {
            let piece = format!("piece {number:04}");
            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
            connection.try_send(chunk.as_bytes()).await?;
            let mut back = Vec::new();
            while back.len() < piece.len() {
                let part = connection.chunk().await?;
                if part.is_empty() {
                    return Ok(End::Cut("the response ended before the request".to_owned()));
                }
                back.extend(part);
            }
            assert_eq!(back, piece.as_bytes());
            sleep(PACE).await;
        }
        connection.try_send(b"0\r\n\r\n").await?;
        if !connection.chunk().await?.is_empty() {
            return Ok(End::Cut("more came back than was sent".to_owned()));
        }
        connection = connected(&address, Kind::Upload, "/probe/echo").await;
    }
}

/// Sends requests to the guest one after another.
async fn ask(address: String, mut connection: Connection) -> io::Result<End> {
    loop {
        connection
            .try_send(b"GET /guest HTTP/1.1\r\nhost: test\r\n\r\n")
            .await?;
        let response = connection.try_response().await?;
        if response.status() != 200 {
            return Ok(End::Cut(response.to_string()));
        }
        sleep(PACE).await;
        if response.header("connection") == Some("close") {
            connection = connected(&address, Kind::Guest, "/guest").await;
        }
    }
}
