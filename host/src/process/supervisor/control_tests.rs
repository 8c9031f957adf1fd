//! Clients of the control socket that are of another user, silent, or take no reply.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as Client;

use tokio::io::AsyncReadExt;

use super::*;
use crate::process::other_user::as_user;

fn context(timeouts: ClientTimeouts) -> ControlContext {
    // Nobody receives its events: no test asks for more than the site.
    let (events, _) = mpsc::unbounded_channel();
    ControlContext {
        events,
        replies_in_flight: Arc::default(),
        location: PathBuf::from("/nowhere/c.toml"),
        clients: ControlClients::new(),
        timeouts,
    }
}

#[tokio::test]
async fn client_of_another_user_is_closed_whatever_the_mode_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.sock");
    let listener = UnixListener::bind(&path).unwrap();
    for (path, mode) in [(dir.path(), 0o755), (&path, 0o666)] {
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let accepting = tokio::spawn(accept_loop(listener, context(ClientTimeouts::default())));
    let ask = async |client: Client| {
        client.set_nonblocking(true).unwrap();
        let mut client = UnixStream::from_std(client).unwrap();
        // A closed one may refuse it.
        let _ = client.write_all(Request::Site {}.line().as_bytes()).await;
        let mut reply = String::new();
        let _ = BufReader::new(client).read_line(&mut reply).await;
        reply
    };
    let own = ask(Client::connect(&path).unwrap()).await;
    assert!(own.contains("/nowhere/c.toml"), "{own}");
    if let Some(client) = as_user(54_321, || Client::connect(path).unwrap()) {
        assert_eq!(ask(client).await, "");
    }
    accepting.abort();
}

/// Serves a client until the supervisor closes the connection.
async fn serve(timeouts: ClientTimeouts, client: impl Future<Output = ()>, stream: UnixStream) {
    let context = context(timeouts);
    let place = context.clients.admit().unwrap();
    let served = serve_connection(stream, context, place);
    let both = async { tokio::join!(served, client) };
    timeout(Duration::from_secs(60), both).await.unwrap();
}

const SHORT: Duration = Duration::from_millis(10);

#[tokio::test]
async fn client_that_sends_no_whole_request_is_closed() {
    for begun in ["", "{"] {
        let (mut client, stream) = UnixStream::pair().unwrap();
        let timeouts = ClientTimeouts {
            request: SHORT,
            ..ClientTimeouts::default()
        };
        let silent = async {
            client.write_all(begun.as_bytes()).await.unwrap();
            assert!(!matches!(client.read(&mut [0]).await, Ok(1..)));
        };
        serve(timeouts, silent, stream).await;
    }
}

#[tokio::test]
async fn client_that_takes_no_reply_is_closed() {
    let (mut client, stream) = UnixStream::pair().unwrap();
    let timeouts = ClientTimeouts {
        reply: SHORT,
        ..ClientTimeouts::default()
    };
    let request = Request::Site {}.line();
    // More replies than the socket holds.
    let greedy = async { while client.write_all(request.as_bytes()).await.is_ok() {} };
    serve(timeouts, greedy, stream).await;
}
