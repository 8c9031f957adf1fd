//! `stackup diff`: what a reload would change, or what one stack that has served changed in another.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::json;

use super::arguments::{DiffArgs, StoreTargetArgs};
use super::check::block_on;
use super::control::ask;
use super::output::{print, print_error, print_json};
use super::serve::shelf;
use crate::develop::compile::{CargoOutput, CrateBuilder};
use crate::process::control::{Request, ServedStack};
use crate::serve::generation::{LibraryBuilder, Reloader};

pub(super) fn diff(args: &DiffArgs, color: bool) -> ExitCode {
    match changes(args, color) {
        Ok(changes) if args.target.json => print_json(&json!({ "changes": changes })),
        Ok(changes) if changes.is_empty() => print("no changes"),
        Ok(changes) => print(&changes.join("\n")),
        Err(reason) => {
            print_error(&reason);
            ExitCode::FAILURE
        }
    }
}

fn changes(args: &DiffArgs, color: bool) -> Result<Vec<String>, String> {
    let before = served_stack(&args.target, args.from)?;
    let after = args.to.map(|to| served_stack(&args.target, Some(to)));
    let after = after.transpose()?.map(|after| after.snapshot);
    let mut reloader = reloader(&before, args, color)?;
    let compared = block_on(reloader.compare(&before.snapshot, after.as_ref()))?;
    compared.map_err(|refusal| refusal.reason)
}

/// The stack of `generation`, or the active one, from the server.
fn served_stack(target: &StoreTargetArgs, generation: Option<u64>) -> Result<ServedStack, String> {
    let reply = ask(&target.server(), &Request::Snapshot { generation })?;
    if !reply.ok {
        return Err(reply.text);
    }
    let stack = ServedStack::deserialize(reply.value);
    stack.map_err(|error| format!("the server's stack can't be read: {error}"))
}

/// Reads the manifest as the server does.
fn reloader(served: &ServedStack, args: &DiffArgs, color: bool) -> Result<Reloader, String> {
    let builder = served.build.as_ref().map(|build| {
        let show = CargoOutput { quiet: true, color };
        Box::new(CrateBuilder::new(build.profile(), show)) as Box<dyn LibraryBuilder>
    });
    let shelf = shelf().map_err(|error| error.to_string())?;
    let manifest = args.target.manifest.clone();
    let environment = served.environment.clone();
    let mut reloader = Reloader::new(manifest, environment, shelf, builder, color);
    if served.locked {
        reloader = reloader.locked();
    }
    Ok(reloader.trusting(served.trust).as_trial())
}
