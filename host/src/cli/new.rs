//! `stackup new`: creates a site or a plugin, and prints the next steps.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::NewArgs;
use super::output::{print, print_error};
use crate::develop::scaffold::{plugin, site};
use crate::load::library::HandlerKind;

pub(super) fn new(new: &NewArgs) -> ExitCode {
    let made = match new {
        NewArgs::Site { name, api } => {
            site(name, api.plugin_api.as_deref()).map(|made| made.to_string())
        }
        NewArgs::Plugin {
            name,
            app,
            site,
            api,
            ..
        } => {
            // It is one of two: clap sees to that.
            let kind = match app {
                true => HandlerKind::App,
                false => HandlerKind::Middleware,
            };
            let from = site.as_deref().unwrap_or(Path::new("."));
            plugin(name, kind, from, api.plugin_api.as_deref()).map(|made| made.to_string())
        }
    };
    match made {
        Ok(text) => print(&text),
        Err(error) => {
            print_error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
