//! `stackup status`, `reload`, `restart`, `upgrade` and `stop`: questions to one that runs.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use super::arguments::Target;
use super::check::complain;
use crate::process::control::{Request, candidates, send_request, status_text};

/// Asks, and prints the answer: as JSON, or for people.
pub(super) fn control(target: &Target, request: &Request, json: bool) -> ExitCode {
    let sockets = candidates(&target.manifest, target.control.as_deref());
    let reply = match send_request(&sockets, request) {
        Ok(reply) => reply,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    if !reply.ok {
        complain(&reply.text);
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
