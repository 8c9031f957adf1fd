//! When a guest is ready: it is asked until it answers.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use http::{Request, StatusCode};
use rustix::process::Pid;
use stackup_plugin::GuestOptions;
use stackup_plugin::abi::host::{FetchRequest, HostBody};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::super::Event;
use super::{Launcher, ProcessEvent};
use crate::services::{FetchHub, GuestAddress};

/// The time between two questions.
const INTERVAL: Duration = Duration::from_millis(50);

/// Asks the process at `address` until it answers, and then sends [`ProcessEvent::Ready`].
pub(super) fn ask(
    process: u32,
    address: GuestAddress,
    options: &GuestOptions,
    launcher: &Launcher,
) -> AbortHandle {
    let (path, events) = (options.ready.clone(), launcher.events.clone());
    let success = options.ready_success;
    // The deadline ends the task; a single answer may take as long.
    let limit = Duration::from_millis(options.ready_timeout);
    let asking = tokio::spawn(async move {
        let hub = FetchHub::new(Handle::current());
        loop {
            if let Some(status) = answer(&hub, &address, &path, limit).await
                && (!success || status.as_u16() < 400)
            {
                let _ = events.send(Event::Guest(process, ProcessEvent::Ready));
                return;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    });
    asking.abort_handle()
}

async fn answer(
    hub: &FetchHub,
    address: &GuestAddress,
    path: &str,
    limit: Duration,
) -> Option<StatusCode> {
    let (authority, socket) = match address {
        GuestAddress::Socket(socket) => ("localhost".to_owned(), Some(socket.clone())),
        GuestAddress::Port(port) => (format!("127.0.0.1:{port}"), None),
    };
    let request = Request::get(format!("http://{authority}{path}"))
        .header("user-agent", concat!("stackup/", env!("CARGO_PKG_VERSION")))
        .body(HostBody::Empty);
    let fetch = FetchRequest {
        socket,
        connect_timeout: Some(limit),
        head_timeout: Some(limit),
        ..FetchRequest::new("guest", request.ok()?)
    };
    let response = hub.fetch(fetch).await;
    response.ok().map(|response| response.status())
}

/// Sends [`ProcessEvent::Started`] when the guard says which process it has started.
pub(super) fn read_pid(process: u32, line: UnixStream, launcher: &Launcher) -> io::Result<()> {
    line.set_nonblocking(true)?;
    let events = launcher.events.clone();
    let mut reader = BufReader::new(tokio::net::UnixStream::from_std(line)?);
    tokio::spawn(async move {
        let mut text = String::new();
        let read = reader.read_line(&mut text).await;
        let pid = read.ok().and_then(|_| text.trim().parse().ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _ = events.send(Event::Guest(process, ProcessEvent::Started(pid)));
        }
    });
    Ok(())
}
