//! The command line.

mod arguments;
mod cgi;
mod check;
mod check_certificates;
mod control;
mod diff;
mod inspect;
mod left_behind;
mod lock;
mod new;
mod output;
mod schema;
mod serve;
mod top;

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::arguments::{Arguments, Command};
use crate::develop::compile;
use crate::load::manifest::words::nearest;
use crate::load::{probe, program};
use crate::process::control::Request;
use crate::process::guest_guard;
use crate::process::ipc::{self, ReloadOptions};
use crate::process::supervisor;
use crate::process::worker;
use crate::services::{LogSettings, color_wanted, flush_log, start_log};

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    let code = run();
    flush_log();
    code
}

fn run() -> ExitCode {
    // Internal commands, before clap sees them.
    match std::env::args_os()
        .nth(1)
        .as_deref()
        .and_then(OsStr::to_str)
    {
        Some(compile::ARGUMENT) => return compile::main(),
        Some(probe::ARGUMENT) => return probe::main(),
        Some(ipc::ARGUMENT) => return worker::main(),
        Some(guest_guard::ARGUMENT) => return guest_guard::main(),
        Some(supervisor::ADOPT) => return supervisor::adopt(),
        _ => {}
    }
    let arguments = Arguments::parse();
    let color = color_wanted();
    let (command, options) = arguments.command();
    if let Command::Dev(dev) = &command
        && let Some(message) = misspelt_command(&dev.serve.stack.manifest_args.manifest)
    {
        output::print_error(&message);
        return ExitCode::FAILURE;
    }
    if command.loads_plugins() {
        program::prepare_for_plugins();
    }
    start_log(LogSettings {
        format: options.log_format,
        level: command.log_level(&options),
        color,
    });
    match command {
        Command::Dev(site) => serve::dev(&site, &options, color),
        Command::Serve(site) => serve::serve(&site, &options, color),
        Command::Cgi(cgi) => cgi::cgi(&cgi),
        Command::Status { target, json } => control::control(&target, &Request::Status {}, json),
        Command::Metrics { target, json } => control::control(&target, &Request::Metrics {}, json),
        Command::Top(args) => top::top(&args),
        Command::Reload {
            target,
            fresh,
            retry,
            json,
        } => {
            let request = Request::Reload(ReloadOptions { fresh, retry });
            control::control(&target, &request, json)
        }
        Command::Restart(target) => control::control(&target, &Request::Restart {}, false),
        Command::Upgrade(target) => control::control(&target, &Request::Upgrade {}, false),
        Command::History { target, json } => control::control(&target, &Request::History {}, json),
        Command::Diff(args) => diff::diff(&args, color),
        Command::Rollback { generation, target } => {
            control::about_data(&target, &Request::Rollback { generation })
        }
        Command::Stop(target) => control::control(&target, &Request::Stop {}, false),
        Command::Store(store) => control::store(store),
        Command::Cache(cache) => control::cache(cache),
        Command::New(new) => new::new(&new),
        Command::Check(stack) => check::check(&stack, color),
        Command::Stack(stack) => check::stack(&stack, color),
        Command::Lock(manifest_args) => lock::lock(&manifest_args, color),
        Command::Schema(manifest_args) => schema::schema(&manifest_args, color),
        Command::Inspect {
            library,
            schema,
            trust,
        } => inspect::inspect(&library, schema, trust.trust),
    }
}

/// The error message if a misspelt command was taken for a manifest.
fn misspelt_command(manifest: &Path) -> Option<String> {
    let typed = manifest.to_str()?;
    let commands = <Arguments as CommandFactory>::command();
    let names = commands.get_subcommands().map(clap::Command::get_name);
    let near = nearest(typed, names).filter(|_| !manifest.exists())?;
    Some(format!(
        "no command or manifest named `{typed}`\n\nhelp: did you mean `stackup {near}`?"
    ))
}
