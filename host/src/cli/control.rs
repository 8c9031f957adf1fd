//! `stackup status`, `reload`, `restart`, `upgrade` and `stop`: requests to a running stackup.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use super::arguments::TargetArgs;
use super::check::print_error;
use crate::process::control::{Request, candidates, send_request, status_text};

/// Sends the request and prints the reply, as JSON or as text.
pub(super) fn control(target: &TargetArgs, request: &Request, json: bool) -> ExitCode {
    let sockets = candidates(&target.manifest, target.control.as_deref());
    let reply = match send_request(&sockets, request) {
        Ok(reply) => reply,
        Err(error) => {
            print_error(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    if !reply.ok {
        print_error(&reply.text);
        return ExitCode::FAILURE;
    }
    match request {
        _ if json => println!("{:#}", reply.value),
        Request::Status {} => println!("{}", status_text(&reply.value, now())),
        _ => println!("{}", reply.text),
    }
    ExitCode::SUCCESS
}

/// Milliseconds since the Unix epoch.
fn now() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
