//! The command line: what a person types and reads.

mod arguments;
mod check;
mod inspect;
mod lock;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Arguments, Command};
use crate::probe;
use crate::services::{LogSettings, color_wanted, start_log};

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    // Before anything is parsed: a probe is not for people.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == probe::ARGUMENT)
    {
        return probe::main();
    }
    let arguments = Arguments::parse();
    let color = color_wanted();
    let (command, options) = arguments.command();
    start_log(LogSettings {
        format: options.log_format,
        level: options.log_level(),
        color,
    });
    match command {
        Command::Dev(site) => serve::dev(&site, &options, color),
        Command::Serve(site) => serve::serve(&site, &options, color),
        Command::Check(plan) => check::check(&plan, color),
        Command::Stack(plan) => check::stack(&plan, color),
        Command::Lock(place) => lock::lock(&place, color),
        Command::Inspect { library, schema } => inspect::inspect(&library, schema),
    }
}
