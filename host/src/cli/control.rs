//! `stackup status`, `metrics`, `reload`, `restart`, `upgrade`, `stop`, `history`, `rollback`, `store` and `cache`: requests to a running stackup.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value;

use super::arguments::{CacheArgs, CacheTargetArgs, StoreArgs, StoreTargetArgs, TargetArgs};
use super::output::{print, print_error, print_json};
use crate::load::site;
use crate::process::control::{Reply, Request, history_text, send_request, status_text};
use crate::services::{
    CacheCommand, Families, MetricsFormat, PurgeTarget, StoreCommand, metrics_text,
};

/// Runs a command about the store.
pub(super) fn store(arguments: StoreArgs) -> ExitCode {
    let (command, target) = match arguments {
        StoreArgs::List {
            namespace: None,
            target,
            ..
        } => (StoreCommand::Namespaces {}, target),
        StoreArgs::List {
            namespace: Some(namespace),
            after,
            target,
        } => (StoreCommand::Keys { namespace, after }, target),
        StoreArgs::Get {
            namespace,
            key,
            target,
        } => (StoreCommand::Get { namespace, key }, target),
        StoreArgs::Delete {
            namespace,
            key,
            target,
        } => (StoreCommand::Delete { namespace, key }, target),
        StoreArgs::Clear { namespace, target } => (StoreCommand::Clear { namespace }, target),
    };
    about_data(&target, &Request::Store(command))
}

/// Runs a command about cached responses.
pub(super) fn cache(arguments: CacheArgs) -> ExitCode {
    let (command, target) = match arguments {
        CacheArgs::List { prefix, target } => {
            let CacheTargetArgs { namespace, target } = target;
            (CacheCommand::List { namespace, prefix }, target)
        }
        CacheArgs::Why {
            url: uri,
            header: fields,
            target,
        } => {
            let CacheTargetArgs { namespace, target } = target;
            let command = CacheCommand::Why {
                namespace,
                uri,
                fields,
            };
            (command, target)
        }
        CacheArgs::Purge {
            url,
            prefix,
            group,
            soft,
            target,
        } => {
            let CacheTargetArgs { namespace, target } = target;
            let what = match (url, prefix) {
                (Some(url), _) => PurgeTarget::Uri(url),
                (None, Some(prefix)) => PurgeTarget::Prefix(prefix),
                // One of the three is there.
                (None, None) => PurgeTarget::Group(group.unwrap_or_default()),
            };
            let command = CacheCommand::Purge {
                namespace,
                what,
                soft,
            };
            (command, target)
        }
    };
    about_data(&target, &Request::Cache(command))
}

/// Sends a request whose command has a positional argument of its own, and prints the reply.
pub(super) fn about_data(target: &StoreTargetArgs, request: &Request) -> ExitCode {
    control(&target.server(), request, target.json)
}

/// Sends the request and prints the reply, as JSON or as text.
pub(super) fn control(target: &TargetArgs, request: &Request, json: bool) -> ExitCode {
    let reply = match ask(target, request) {
        Ok(reply) => reply,
        Err(reason) => {
            print_error(&reason);
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
        Request::History {} => print(&history_text(&reply.value, now())),
        Request::Metrics {} => print_metrics(reply.value),
        _ => print(&reply.text),
    }
}

/// Sends the request.
///
/// # Errors
///
/// Why there is no reply, as text for people.
pub(super) fn ask(target: &TargetArgs, request: &Request) -> Result<Reply, String> {
    let location = site::absolute(&target.manifest);
    let reply = send_request(&location, target.control.as_deref(), request);
    reply.map_err(|error| error.to_string())
}

/// As OpenMetrics text.
fn print_metrics(value: Value) -> ExitCode {
    match Families::deserialize(value) {
        Ok(families) => print(&metrics_text(&families, MetricsFormat::OpenMetrics)),
        Err(error) => {
            print_error(&format!("the server's figures can't be read: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
