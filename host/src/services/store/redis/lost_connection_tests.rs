//! With a server that closes the connection when it should answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use stackup_plugin::abi::host::{StoreFailureKind, StoreReply};
use tokio::runtime::Runtime;

use super::*;
use crate::services::{RedisSettings, RedisUrl};

/// Answers connection after connection, until a client has closed the last one.
fn serve(listener: &UnixListener, asked: &Sender<String>) {
    for (number, connection) in listener.incoming().enumerate() {
        let Ok(connection) = connection else { return };
        // The first one ends with the first operation.
        let _ = answer(connection, number == 0, asked);
    }
}

fn answer(mut connection: UnixStream, ends: bool, asked: &Sender<String>) -> io::Result<()> {
    let mut from = BufReader::new(connection.try_clone()?);
    loop {
        let command = command(&mut from)?;
        let reply: &[u8] = match &*command {
            "HMGET" | "EVALSHA" => {
                let _ = asked.send(command);
                if ends {
                    return Ok(());
                }
                b"*2\r\n$1\r\nv\r\n$1\r\n7\r\n"
            }
            _ => b"+OK\r\n",
        };
        connection.write_all(reply)?;
    }
}

/// The first word of a command, which is an array of strings.
fn command(from: &mut BufReader<UnixStream>) -> io::Result<String> {
    let words = length(from)?;
    let mut first = String::new();
    for _ in 0..words {
        let mut word = vec![0; length(from)? + 2];
        from.read_exact(&mut word)?;
        if first.is_empty() {
            first = String::from_utf8_lossy(&word).trim_end().to_owned();
        }
    }
    Ok(first)
}

/// The number of a line such as `*3` or `$5`.
fn length(from: &mut BufReader<UnixStream>) -> io::Result<usize> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let number = line
        .get(1..)
        .and_then(|number| number.trim_end().parse().ok());
    number.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Runs one operation, and returns its reply with what the server was asked for.
fn ask(request: StoreRequest<'_>) -> (Result<StoreReply, StoreFailureKind>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let (asked, heard): (_, Receiver<String>) = channel();
    thread::spawn(move || serve(&listener, &asked));
    let runtime = Runtime::new().unwrap();
    let settings = RedisSettings {
        url: RedisUrl::parse(&format!("redis+unix://{}", path.display())).unwrap(),
        timeout: Duration::from_secs(30),
        prefix: RedisSettings::PREFIX.to_owned(),
    };
    let store = RedisStore::open(&settings, runtime.handle().clone());
    let StoreAnswer::Later(reply) = store.call("n", request) else {
        panic!("Redis never answers at once");
    };
    let reply = runtime.block_on(reply).map_err(|failure| failure.kind);
    (reply, heard.try_iter().collect())
}

#[test]
fn reading_is_asked_for_again() {
    let (reply, asked) = ask(StoreRequest::Get { key: b"k" });
    let (value, version) = (b"v"[..].into(), 7);
    assert_eq!(reply, Ok(StoreReply::Entry { value, version }));
    assert_eq!(asked, ["HMGET", "HMGET"]);
}

#[test]
fn change_is_not_sent_twice_since_it_may_have_been_made() {
    let (key, delta, ttl) = (b"k", 1, None);
    let (reply, asked) = ask(StoreRequest::Add { key, delta, ttl });
    assert_eq!(reply, Err(StoreFailureKind::Unavailable));
    assert_eq!(asked, ["EVALSHA"]);
}
