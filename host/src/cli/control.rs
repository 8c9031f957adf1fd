//! `stackup status`, `reload`, `restart`, `upgrade` and `stop`: requests to a running stackup.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use super::arguments::TargetArgs;
use super::output::{print, print_error, print_json};
use crate::load::site;
use crate::process::control::{Request, send_request, status_text};

/// Sends the request and prints the reply, as JSON or as text.
pub(super) fn control(target: &TargetArgs, request: &Request, json: bool) -> ExitCode {
    let location = site::absolute(&target.manifest);
    let reply = match send_request(&location, target.control.as_deref(), request) {
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
        _ if json => print_json(&reply.value),
        Request::Status {} => print(&status_text(&reply.value, now())),
        _ => print(&reply.text),
    }
}

/// Milliseconds since the Unix epoch.
fn now() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
